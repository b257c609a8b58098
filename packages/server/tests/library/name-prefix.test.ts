import fc from 'fast-check';
import { expect, it } from 'vitest';
import { prefixRange } from '../../src/library/name-prefix.ts';

const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const text = fc.string({ unit: 'binary' });

it('holds exactly the names that begin with the prefix', () => {
  fc.assert(
    fc.property(text, text, fc.boolean(), (prefix, other, startsWith) => {
      const name = startsWith ? prefix + other : other;
      const { from, before } = prefixRange(prefix);
      const inside = byCodePoint(name, from) >= 0 && (before === undefined || byCodePoint(name, before) < 0);
      expect(inside).toBe(name.startsWith(prefix));
    }),
    { numRuns: 2000 },
  );
});

it.each([
  ['课程', '课稌'],
  ['\u{d7ff}', '\u{e000}'],
  ['a\u{10ffff}', 'b'],
  ['100%_', '100%`'],
])('ends the range of %j before %j', (prefix, before) => {
  expect(prefixRange(prefix)).toEqual({ from: prefix, before });
});

it('has no end where nothing is greater', () => {
  expect(prefixRange('\u{10ffff}')).toEqual({ from: '\u{10ffff}', before: undefined });
  expect(prefixRange('')).toEqual({ from: '', before: undefined });
});
