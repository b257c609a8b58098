import { expect, test } from 'vitest';
import { formatters } from '../src/i18n/format.ts';

test('lengths read as clocks do', () => {
  const { duration } = formatters.en;
  expect([0, 7_900, 754_000, 3_723_000, -5].map(duration)).toEqual(['0:00', '0:07', '12:34', '1:02:03', '0:00']);
});

test('sizes take the unit that leaves one to three digits', () => {
  const { size } = formatters.en;
  expect([0, 999, 1_000, 3_440_000, 12_500_000_000].map(size)).toEqual([
    '0\u00a0B',
    '999\u00a0B',
    '1\u00a0kB',
    '3.4\u00a0MB',
    '12.5\u00a0GB',
  ]);
});

test('rates below a megabit are whole kilobits', () => {
  expect([48_123, 1_540_000].map(formatters.zh.bitrate)).toEqual(['48\u00a0kbit/s', '1.5\u00a0Mbit/s']);
});
