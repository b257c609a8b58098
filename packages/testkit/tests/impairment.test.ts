import { describe, expect, test } from 'vitest';
import { Impairment, type ImpairmentOptions } from '../src/publisher/index.ts';

function passThrough(options: ImpairmentOptions, packets = 50_000): { sent: number[]; line: Impairment } {
  const line = new Impairment(options);
  const sent: number[] = [];
  for (let n = 0; n < packets; n += 1) {
    const packet = Buffer.alloc(4);
    packet.writeUInt32BE(n);
    line.pass(packet, (passed) => sent.push(passed.readUInt32BE()));
  }
  return { sent, line };
}

describe('an impaired line', () => {
  const bad = { loss: 0.02, lossRun: 2, reorder: 0.01, seed: 7 };

  test('without options passes everything in order', () => {
    expect(passThrough({}, 1000).sent).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  test('loses and reorders the same packets for the same seed, others for another', () => {
    expect(passThrough(bad).sent).toEqual(passThrough(bad).sent);
    expect(passThrough(bad).sent).not.toEqual(passThrough({ ...bad, seed: 8 }).sent);
  });

  test('loses the share asked for, in runs of the length asked for', () => {
    const { sent, line } = passThrough(bad);
    expect(line.lost / 50_000).toBeGreaterThan(0.018);
    expect(line.lost / 50_000).toBeLessThan(0.022);
    const arrived = new Set(sent);
    const lost = new Set(Array.from({ length: 50_000 }, (_, n) => n).filter((n) => !arrived.has(n)));
    // A packet that is held when the stream ends is neither lost nor sent; all others come in pairs.
    const alone = [...lost].filter((n) => !lost.has(n - 1) && !lost.has(n + 1) && n < 49_990);
    expect(alone).toEqual([]);
  });

  test('lets packets be overtaken by three at most, and loses none by that', () => {
    const { sent, line } = passThrough({ reorder: 0.01, seed: 3 });
    expect(line.reordered / 50_000).toBeGreaterThan(0.008);
    expect(sent.length).toBeGreaterThanOrEqual(49_997);
    // Held packets do not let each other go, so two in a row may wait a little longer.
    expect(Math.max(...sent.map((n, place) => Math.abs(n - place)))).toBeLessThanOrEqual(8);
  });
});
