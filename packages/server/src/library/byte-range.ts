/** An inclusive range of bytes, both ends inside of the file. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a `Range` header (RFC 9110 §14.2).
 * @returns `undefined` to answer with the whole file: no header, not well-formed, or several ranges (which a server may
 *   ignore); `unsatisfiable` when the range begins past the end
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/i.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [, from, to, suffix] = match;
  if (suffix !== undefined) {
    const length = Number(suffix);
    return length === 0 || size === 0 ? 'unsatisfiable' : { first: Math.max(0, size - length), last: size - 1 };
  }
  const first = Number(from);
  const last = to === undefined ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== undefined && Number(to) < first) return undefined;
  return first >= size ? 'unsatisfiable' : { first, last };
}
