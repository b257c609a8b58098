/** Letters (code points) of a name that indexes keep: `name_key` of the table. */
export const nameKeyLetters = 200;

/**
 * The names that begin with a prefix are one range of an index over names in the order of their code points: from the
 * prefix itself up to, not including, the least text that is greater than all of them. No pattern matching, thus
 * nothing to escape.
 * @returns `before` is absent when no text is greater (the prefix is made of U+10FFFF alone)
 */
export function prefixRange(prefix: string): { readonly from: string; readonly before: string | undefined } {
  const points = [...prefix].map((letter) => letter.codePointAt(0)!);
  while (points.length > 0) {
    const last = points.pop()!;
    // Surrogates are no characters: the one after U+D7FF is U+E000.
    if (last < 0x10ffff) {
      points.push(last === 0xd7ff ? 0xe000 : last + 1);
      return { from: prefix, before: String.fromCodePoint(...points) };
    }
  }
  return { from: prefix, before: undefined };
}

/** Orders text as both databases do: by code points, which UTF-8 keeps the order of and UTF-16 does not. */
export function compareByCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
