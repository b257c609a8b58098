import { counterBreaks, readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { describe, expect, it } from 'vitest';
import { contentOf, publish, record, sentFor, serverForTest, untilRecording } from './support.ts';

describe('a host that publishes over WHIP', () => {
  it('is recorded whole, in sync, and the file plays by ranges and by HLS as soon as stop is answered', async () => {
    const server = await serverForTest();
    const publisher = await publish(server, 'lesson', 'ann');
    const { recordingId } = await record(server, 'lesson', { userId: 'ann', fileName: 'lesson 7: ann' });
    await sentFor(publisher, 6);
    const recording = await server.api.stopRecording(recordingId);
    expect(recording).toMatchObject({ state: 'ready', endReason: 'stopped', fileIds: [expect.any(String)] });
    const fileId = recording.fileIds[0]!;
    const asset = await server.api.getAsset(fileId);
    expect(asset).toMatchObject({
      fileName: 'lesson 7: ann',
      state: 'ready',
      mimeType: expect.stringContaining('video/mp4'),
      video: { codec: 'h264', width: 640, height: 360 },
      audio: { codec: 'opus', sampleRate: 48_000 },
      recordingId,
      segmentIndex: 0,
      health: { gapCount: 0, lostPackets: 0, lostFrames: 0 },
    });
    const { mp4, hls } = await server.api.playUrls(fileId);
    for (const url of [mp4, hls!]) {
      const content = await readRecording(url);
      expect(content.errors).toEqual([]);
      expect(counterBreaks(content)).toEqual([]);
      expect(content.pictures.length).toBe(asset.video!.frames);
      expect(content.pictures.length).toBeGreaterThanOrEqual(175);
      expect(content.silences).toEqual([]);
      const events = syncEvents(content);
      expect(events.length).toBeGreaterThanOrEqual(4);
      expect(syncSummary(events).worstMs).toBeLessThan(40);
    }
    const { audioPackets } = await publisher.sent();
    expect(asset.audio!.packets).toBeLessThanOrEqual(audioPackets);
    expect(Math.abs(asset.audio!.packets * 20 - asset.durationMs)).toBeLessThan(60);
  });

  it('can be watched while it is being recorded', async () => {
    const server = await serverForTest();
    const publisher = await publish(server, 'live', 'ann');
    const { recordingId } = await record(server, 'live', { userId: 'ann', fileName: 'live' });
    await sentFor(publisher, 5);
    const [fileId] = (await server.api.getRecording(recordingId)).fileIds;
    const asset = await server.api.getAsset(fileId!);
    expect(asset.state).toBe('recording');
    const { mp4, hls } = await server.api.playUrls(fileId!);
    const playlist = await (await fetch(hls!)).text();
    const medium = playlist.includes('#EXT-X-STREAM-INF')
      ? await (
          await fetch(new URL(playlist.split('\n').find((line) => line !== '' && !line.startsWith('#'))!, hls!))
        ).text()
      : playlist;
    expect(medium).not.toContain('#EXT-X-ENDLIST');
    expect(medium).toContain('#EXT-X-BYTERANGE');
    const content = await readRecording(mp4);
    expect(content.pictures.length).toBeGreaterThan(90);
    expect(counterBreaks(content)).toEqual([]);
    await server.api.stopRecording(recordingId);
  });

  it('is cut into segments that join without a frame lost or doubled', async () => {
    const server = await serverForTest();
    const publisher = await publish(server, 'long', 'ann');
    const { recordingId } = await record(server, 'long', { userId: 'ann', fileName: 'long', segmentSeconds: 5 });
    await sentFor(publisher, 12);
    const { hls } = await server.api.recordingPlayUrls(recordingId);
    const filesOf = (playlist: string) =>
      [...playlist.matchAll(/#EXT-X-MAP:URI="\.\.\/\.\.\/(\d+)\//g)].map(([, fileId]) => fileId!);
    // While the recording runs one can go back over the borders of its files.
    const growing = await (await fetch(hls!)).text();
    expect(filesOf(growing).length).toBeGreaterThanOrEqual(2);
    expect(growing).not.toContain('#EXT-X-ENDLIST');
    const { fileIds } = await server.api.stopRecording(recordingId);
    expect(fileIds.length).toBeGreaterThanOrEqual(3);
    const whole = await (await fetch(hls!)).text();
    expect(whole.startsWith(growing)).toBe(true);
    expect(whole).toContain('#EXT-X-ENDLIST');
    expect(filesOf(whole)).toEqual(fileIds);
    const contents = await Promise.all(fileIds.map((fileId) => contentOf(server, fileId)));
    const counters = contents.flatMap(({ pictures }) => pictures.map(({ counter }) => counter!));
    expect(counters).toEqual(counters.map((_, index) => counters[0]! + index));
    for (const content of contents) {
      expect(content.errors).toEqual([]);
      expect(content.durationMs).toBeLessThanOrEqual(5050);
      expect(content.silences).toEqual([]);
    }
  });

  it('pauses and resumes without a hole in the file', async () => {
    const server = await serverForTest();
    const publisher = await publish(server, 'pause', 'ann');
    const { recordingId } = await record(server, 'pause', { userId: 'ann', fileName: 'pause' });
    await sentFor(publisher, 2);
    expect((await server.api.pauseRecording(recordingId)).state).toBe('paused');
    await sentFor(publisher, 2);
    expect((await server.api.resumeRecording(recordingId)).state).toBe('recording');
    await sentFor(publisher, 2);
    const { fileIds } = await server.api.stopRecording(recordingId);
    const content = await contentOf(server, fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content).length).toBe(1);
    expect(content.durationMs).toBeGreaterThan(3400);
    expect(content.durationMs).toBeLessThan(5200);
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(45);
  });

  it('is recorded to its end when it leaves, and when it vanishes without a word', async () => {
    const server = await serverForTest({ env: { AIRCHECK_IDLE_SECONDS: '2' } });
    const leaver = await publish(server, 'ends', 'leaver');
    const vanisher = await publish(server, 'ends', 'vanisher');
    const left = await record(server, 'ends', { userId: 'leaver', fileName: 'left' });
    const vanished = await record(server, 'ends', { userId: 'vanisher', fileName: 'vanished' });
    await sentFor(leaver, 2);
    await leaver.stop();
    await vanisher.kill();
    const ended = await untilRecording(server, left.recordingId, ({ state }) => state === 'ready');
    expect(ended.endReason).toBe('left');
    expect(ended.durationMs).toBeGreaterThan(1700);
    const idle = await untilRecording(server, vanished.recordingId, ({ state }) => state === 'ready');
    expect(['idle', 'left']).toContain(idle.endReason);
    expect((await contentOf(server, idle.fileIds[0]!)).errors).toEqual([]);
  });

  it('goes on in the same recording when it comes back in time', async () => {
    const server = await serverForTest({ env: { AIRCHECK_IDLE_SECONDS: '20' } });
    const first = await publish(server, 'back', 'ann');
    const { recordingId } = await record(server, 'back', { userId: 'ann', fileName: 'back' });
    await sentFor(first, 3);
    await first.kill();
    const second = await publish(server, 'back', 'ann');
    await sentFor(second, 3);
    const recording = await server.api.stopRecording(recordingId);
    expect(recording.fileIds.length).toBe(1);
    const content = await contentOf(server, recording.fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(content.pictures.length).toBeGreaterThan(160);
    expect(recording.health.gaps).toContainEqual(expect.objectContaining({ reason: 'absent' }));
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(60);
  });

  it("is answered with the vendors' numbers where a recording cannot start or stop", async () => {
    const server = await serverForTest();
    const start = (roomId: string, userId: string) =>
      server.api.startRecording(roomId, { userId, fileName: 'x' }).then(
        () => undefined,
        (error) => [error.status, error.problem?.code, error.problem?.vendorCode],
      );
    expect(await start('nowhere', 'ann')).toEqual([404, 'room-not-found', 30000403]);
    await publish(server, 'codes', 'ann');
    expect(await start('codes', 'bob')).toEqual([404, 'participant-not-found', 30000411]);
    const { recordingId } = await record(server, 'codes', { userId: 'ann', fileName: 'x' });
    expect(await start('codes', 'ann')).toEqual([409, 'recording-exists', 30000415]);
    await server.api.stopRecording(recordingId);
    await expect(server.api.stopRecording(recordingId)).rejects.toMatchObject({ problem: { vendorCode: 30000412 } });
    await server.api.putRoom('two', 'pair');
    await publish(server, 'two', 'ann');
    expect(await start('two', 'ann')).toEqual([409, 'room-pair', undefined]);
  });

  it('is recorded with sound alone where that is asked for', async () => {
    const server = await serverForTest();
    const publisher = await publish(server, 'sound', 'ann');
    const { recordingId } = await record(server, 'sound', { userId: 'ann', media: 'audio', fileName: 'sound' });
    await sentFor(publisher, 3);
    const { fileIds } = await server.api.stopRecording(recordingId);
    const content = await contentOf(server, fileIds[0]!);
    expect(content.streams.map(({ kind }) => kind)).toEqual(['audio']);
    expect(content.beepsMs.length).toBeGreaterThanOrEqual(2);
    expect(content.silences).toEqual([]);
  });
});
