import { counterBreaks, missingCounters, syncEvents, syncSummary } from '@aircheck/testkit';
import { describe, expect, it } from 'vitest';
import { contentOf, publish, record, sentFor, serverForTest } from './support.ts';

const LOSSY = { loss: 0.02, lossRun: 2, reorder: 0.01, seed: 11 };

describe('a line that loses 2 % in runs of two and lets 1 % be overtaken', () => {
  it('costs nothing when the sender answers', async () => {
    const server = await serverForTest();
    const publisher = await publish(server, 'lossy', 'ann', {
      media: { kind: 'clip', seconds: 30 },
      impairment: LOSSY,
    });
    const { recordingId } = await record(server, 'lossy', { userId: 'ann', fileName: 'lossy' });
    await sentFor(publisher, 10);
    const recording = await server.api.stopRecording(recordingId);
    const content = await contentOf(server, recording.fileIds[0]!);
    const { lost, retransmitted } = await publisher.sent();
    expect(lost).toBeGreaterThan(10);
    expect(retransmitted).toBeGreaterThan(10);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    const [first, last] = [content.pictures[0]!.counter!, content.pictures.at(-1)!.counter!];
    expect(missingCounters(content, { first, last })).toEqual([]);
    expect(content.silences).toEqual([]);
    expect(recording.health).toMatchObject({ lostPackets: 0, lostFrames: 0, gapCount: 0 });
    expect(recording.health.recoveredPackets).toBeGreaterThan(10);
  });

  it('leaves holes that are told, a file without an error, and sync, when the sender cannot answer', async () => {
    const server = await serverForTest();
    const publisher = await publish(server, 'deaf', 'ann', { impairment: LOSSY, answerNacks: false });
    const { recordingId } = await record(server, 'deaf', { userId: 'ann', fileName: 'deaf' });
    await sentFor(publisher, 10);
    const recording = await server.api.stopRecording(recordingId);
    const content = await contentOf(server, recording.fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(content.audioHoles).toEqual([]);
    expect(recording.health.lostPackets).toBeGreaterThan(10);
    expect(recording.health.lostFrames).toBeGreaterThan(0);
    expect(recording.health.gapCount).toBeGreaterThan(3);
    // A flash whose first picture was lost, or a beep whose first packet was, says nothing about sync (each lasts 100 ms).
    const holesEnd = [...counterBreaks(content).map(({ atMs }) => atMs), ...content.silences.map(({ toMs }) => toMs)];
    const whole = (timeMs: number) => holesEnd.every((endMs) => timeMs + 10 < endMs - 100 || timeMs - 100 > endMs);
    const events = syncEvents(content).filter(({ flashMs, beepMs }) => whole(flashMs) && whole(beepMs));
    expect(events.length).toBeGreaterThan(2);
    expect(syncSummary(events).worstMs).toBeLessThan(40);
  });
});

describe('a publisher that misbehaves', () => {
  it('cannot disturb the recordings of others with garbage and floods', async () => {
    const server = await serverForTest();
    const good = await publish(server, 'crowd', 'good');
    const bad = await publish(server, 'crowd', 'bad');
    const recording = await record(server, 'crowd', { userId: 'good', fileName: 'good' });
    const disturbed = await record(server, 'crowd', { userId: 'bad', fileName: 'bad' });
    const workers = server.workerPids();
    for (const kind of ['payload', 'rtcp'] as const) await bad.sendGarbage(kind, 3000, 5);
    // 11 MB within a second: twice what a publisher may send at once.
    await bad.sendGarbage('payload', 20_000, 6);
    await sentFor(good, 5);
    const { fileIds } = await server.api.stopRecording(recording.recordingId);
    const content = await contentOf(server, fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect((await server.api.stopRecording(disturbed.recordingId)).state).toBe('ready');
    // No worker ended, of which another one would have taken the place.
    expect(server.workerPids()).toEqual(workers);
  });

  it('leaves a file that decodes when it stops in the middle of a frame', async () => {
    const server = await serverForTest({ env: { AIRCHECK_IDLE_SECONDS: '2' } });
    const publisher = await publish(server, 'half', 'ann');
    const { recordingId } = await record(server, 'half', { userId: 'ann', fileName: 'half' });
    await sentFor(publisher, 3);
    await publisher.stopMidFrame();
    await expect
      .poll(async () => (await server.api.getRecording(recordingId)).state, { timeout: 15_000 })
      .toBe('ready');
    const { fileIds, endReason } = await server.api.getRecording(recordingId);
    expect(['idle', 'left']).toContain(endReason);
    const content = await contentOf(server, fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
  });
});
