import { expect, test } from 'vitest';
import { Backlog } from '../../src/transport/backlog.ts';

/** Reads datagrams: each after so much time, of which the loop was idle for so long. */
function read(...steps: readonly [elapsedMs: number, idleMs: number][]): boolean[] {
  const total = { nowMs: 100, idleMs: 50 };
  const backlog = new Backlog(() => total.idleMs);
  return steps.map(([elapsedMs, idleMs]) => {
    total.nowMs += elapsedMs;
    total.idleMs += idleMs;
    return backlog.note(total.nowMs);
  });
}

test('datagrams that are read as they come have not waited', () => {
  expect(read([1, 0.9], [3, 2.5], [0.05, 0], [400, 399])).toEqual([false, false, false, false]);
});

test('datagrams behind a busy time have waited, until the loop was idle again', () => {
  expect(read([1, 0.9], [60, 0], [0.1, 0], [2, 0.1], [1, 0.8], [1, 0.2])).toEqual([
    false,
    true,
    true,
    true,
    false,
    false,
  ]);
});
