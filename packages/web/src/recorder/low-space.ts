/** Below that the page is told, once for each recording. */
const LOW_SPACE_BYTES = 512 * 1024 * 1024;

/** @returns what is to be called with each progress of one recording; tells once when little space is left */
export function onceSpaceIsLow(tell: (freeBytes: number) => void): (progress: { readonly freeBytes: number }) => void {
  let told = false;
  return ({ freeBytes }) => {
    if (told || freeBytes >= LOW_SPACE_BYTES) return;
    told = true;
    tell(freeBytes);
  };
}
