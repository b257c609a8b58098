/**
 * Reads a stretch of a file (or of anything else that has offsets).
 *
 * @param offset - first byte, from the start of the file
 * @param length - how many bytes are wanted
 * @returns those bytes; fewer where the file ends earlier. The caller may keep them, so they must not be reused.
 */
export type RandomAccess = (offset: number, length: number) => Promise<Uint8Array>;
