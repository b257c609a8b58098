import { counterFaults, type RecordingContent, startSite, syncEvents } from '@aircheck/testkit';
import type { RemoteTrack, Room } from '@aircheck/web';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  breakSignaling,
  browserForFile,
  iceFragments,
  join,
  killPublishingPeer,
  receivedBy,
  sourcesOf,
  startByButtons,
} from './browser-support.ts';
import { contentOf, record, serverForTest, untilRecording } from './support.ts';

const browser = browserForFile();

/** Sound and picture are tied together by sender reports; Chromium sends those of sound every five seconds. */
const reportsSentMs = 7_500;

function expectWhole(content: RecordingContent): void {
  expect(content.errors).toEqual([]);
  expect(content.streams.map(({ codec }) => codec).sort()).toEqual(['h264', 'opus']);
  expect(counterFaults(content)).toEqual([]);
  expect(content.audioHoles).toEqual([]);
}

function expectInSync(content: RecordingContent, atLeast: number, fromMs = 0): void {
  const events = syncEvents(content).filter(({ flashMs }) => flashMs >= fromMs);
  expect(events.length).toBeGreaterThanOrEqual(atLeast);
  expect(events.filter(({ offsetMs }) => Math.abs(offsetMs) > 40)).toEqual([]);
}

describe('a room in real browsers', () => {
  it('lets two people see and hear each other, and records both with sound and picture within 40 ms', async () => {
    const server = await serverForTest();
    const [ann, ben] = await Promise.all([browser.openPage(), browser.openPage()]);
    await join(ann, server, 'talk', 'ann', 'host');
    await join(ben, server, 'talk', 'ben', 'guest');
    await Promise.all([ann.getByTestId('video-ben-camera').waitFor(), ben.getByTestId('video-ann-camera').waitFor()]);
    await Promise.all(
      [ann, ben].map(async (page) => {
        const before = await receivedBy(page);
        const more = async () => {
          const { pictures, samples, loudness } = await receivedBy(page);
          const heard = samples > before.samples + 48 * reportsSentMs && loudness > before.loudness;
          return heard && pictures > before.pictures + 60;
        };
        await expect.poll(more, { timeout: 30_000 }).toBe(true);
      }),
    );

    await startByButtons(ann, 'ann', 'camera');
    await startByButtons(ann, 'ben', 'camera');
    const ofBen = (await server.api.listRecordings()).items.find(({ userId }) => userId === 'ben')!;
    const until = (atLeastMs: number) =>
      untilRecording(server, ofBen.recordingId, ({ durationMs }) => durationMs > atLeastMs, 40_000);
    const { startedAt } = await until(8_000);
    await ben.getByTestId('mic-toggle').click();
    const mutedMs = Date.now() - Date.parse(startedAt!);
    await until(mutedMs + 3_000);
    for (const name of ['ann', 'ben']) {
      await ann.getByTestId(`recording-${name}-camera`).getByTestId('stop-recording').click();
      await ann.getByTestId(`recording-${name}-camera`).waitFor({ state: 'detached' });
    }

    const { items: recordings } = await server.api.listRecordings();
    expect(recordings.map(({ userId, state }) => `${userId} ${state}`).sort()).toEqual(['ann ready', 'ben ready']);
    for (const { userId, fileIds, health } of recordings) {
      expect(fileIds.length).toBe(1);
      expect(health).toMatchObject({ lostPackets: 0, lostFrames: 0 });
      const content = await contentOf(server, fileIds[0]!);
      expectWhole(content);
      expectInSync(content, 5);
      // Who is muted is seen on, and silent from then on.
      expect(content.pictures.at(-1)!.ptsMs).toBeGreaterThan(mutedMs + 2_900);
      const late = content.beepsMs.filter((beepMs) => beepMs > mutedMs + 1_000);
      expect(late.length > 0).toBe(userId === 'ann');
    }
  });

  it('records a shared screen beside the camera, each in a file of its own', async () => {
    const server = await serverForTest();
    const page = await browser.openPage();
    await join(page, server, 'screens', 'ann');
    await page.getByTestId('screen-toggle').click();
    await page.getByTestId('video-ann-screen').waitFor();
    await startByButtons(page, 'ann', 'screen');
    await startByButtons(page, 'ann', 'camera');
    const live = (await server.api.listRecordings()).items;
    const screen = live.find(({ source }) => source === 'screen')!;
    await untilRecording(server, screen.recordingId, ({ durationMs }) => durationMs > 3_000);
    // Whoever stops to share is still seen and heard: the recording of the camera goes on.
    await page.getByTestId('screen-toggle').click();
    await page.getByTestId('video-ann-screen').waitFor({ state: 'detached' });
    await expect.poll(() => sourcesOf(server, 'screens', 'ann')).toEqual(['camera', 'microphone']);
    for (const { recordingId } of live) await server.api.stopRecording(recordingId);

    const { items: recordings } = await server.api.listRecordings();
    expect(recordings.map(({ source }) => source).sort()).toEqual(['camera', 'screen']);
    for (const { fileIds } of recordings) expectWhole(await contentOf(server, fileIds[0]!));
  });

  it('shows the audience everything and takes nothing from it, whatever its page says', async () => {
    const server = await serverForTest();
    const [host, viewer] = await Promise.all([browser.openPage(), browser.openPage()]);
    await join(host, server, 'stage', 'host');
    await join(viewer, server, 'stage', 'viewer', 'audience');
    await viewer.getByTestId('video-host-camera').waitFor();
    await expect.poll(async () => (await receivedBy(viewer)).pictures, { timeout: 20_000 }).toBeGreaterThan(30);
    expect(await viewer.getByTestId('mic-toggle').count()).toBe(0);
    expect(await viewer.getByTestId('camera-toggle').count()).toBe(0);
    expect(await viewer.getByTestId('record-host').count()).toBe(0);

    const token = await server.token('pirate', 'stage', 'audience');
    const answer = await viewer.evaluate(publishByHand, { url: server.url.replace('http', 'ws'), token });
    expect(answer).toMatchObject({ ok: false, error: { code: 'forbidden' } });
    await expect(
      viewer.evaluate(
        async ({ url, token }) => {
          const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
          const body = JSON.stringify({ userId: 'host', fileName: 'stolen' });
          return (await fetch(`${url}/v1/rooms/stage/recordings`, { method: 'POST', headers, body })).json();
        },
        { url: server.url, token },
      ),
    ).resolves.toMatchObject({ code: 'recording-forbidden' });
  });
});

/** What a page of an app loads. */
interface Sdk {
  readonly Room: typeof Room;
}

describe('a user token, in a page of another site', () => {
  it('joins any room by name; roles change inside; a hidden viewer sees everything and is not seen', async () => {
    const server = await serverForTest();
    const page = await browser.openPage();
    const site = await startSite();
    onTestFinished(() => site.close());
    await page.goto(site.url);
    const content = `import { Room } from '${server.url}/sdk/web.js'; window.sdk = { Room };`;
    await page.addScriptTag({ type: 'module', content });
    await page.waitForFunction(() => 'sdk' in window);
    const [ann, ben] = await Promise.all(['ann', 'ben'].map((userId) => server.api.token(userId, '*', 'host')));
    const seen = await page.evaluate(
      async ({ url, ann, ben }) => {
        const { Room } = (window as unknown as { sdk: Sdk }).sdk;
        const on = (room: Room, name: 'track-added' | 'track-removed') =>
          new Promise<RemoteTrack>((resolve) => room.on(name, resolve));
        /** Resolves when pictures of the track come, with the statistics that say so. */
        const flowing = async (room: Room, track: RemoteTrack) => {
          for (;;) {
            const statistics = await room.statistics();
            if ((statistics.received.get(track)?.framesPerSecond ?? 0) > 5) return statistics;
            await new Promise((resolve) => setTimeout(resolve, 200));
          }
        };
        const roomId = 'users';
        const annsRoom = await Room.connect(url, ann, { roomId, expect: 'new' });
        const taken = await Room.connect(url, ben, { roomId, expect: 'new' }).catch((error: unknown) => error);
        const bensRoom = await Room.connect(url, ben, { roomId, expect: 'existing', role: 'guest' });
        const first = on(annsRoom, 'track-added');
        await bensRoom.publishCamera();
        await flowing(annsRoom, await first);

        const { token } = await annsRoom.createViewerToken();
        const viewer = await Room.connect(url, token);
        const watched = on(viewer, 'track-added');
        await flowing(viewer, await watched);
        const others = [...annsRoom.participants, ...bensRoom.participants].map(({ userId }) => userId);

        const removed = on(annsRoom, 'track-removed');
        await bensRoom.changeRole('audience');
        await removed;
        const refused = await bensRoom.publishCamera().catch((error: unknown) => error);
        await bensRoom.changeRole('host');
        const [second, watchedAgain] = [on(annsRoom, 'track-added'), on(viewer, 'track-added')];
        await bensRoom.publishCamera();
        const statistics = await flowing(annsRoom, await second);
        await flowing(viewer, await watchedAgain);
        await annsRoom.setSpeaker('');

        const over = new Promise((resolve) => viewer.on('closed', resolve));
        await annsRoom.leave();
        const reason = await over;
        await bensRoom.leave();
        const codeOf = (error: unknown) => (error as { code?: string }).code;
        return {
          taken: codeOf(taken),
          refused: codeOf(refused),
          others,
          reason,
          role: bensRoom.self.role,
          received: [...statistics.received.values()],
          roundTripMs: statistics.roundTripMs,
        };
      },
      { url: server.url, ann: ann!, ben: ben! },
    );
    expect(seen).toMatchObject({ taken: 'room-exists', refused: 'forbidden', reason: 'left', role: 'host' });
    expect(seen.others).toEqual(['ben', 'ann']);
    expect(seen.received).toMatchObject([
      { lossRatio: expect.any(Number), jitterMs: expect.any(Number), freezeCount: 0 },
    ]);
    expect(seen.roundTripMs).toBeGreaterThanOrEqual(0);
  });
});

/** Joins and publishes past the page's code, and gives back the server's answer. Runs in the page. */
async function publishByHand({ url, token }: { url: string; token: string }): Promise<unknown> {
  const peer = new RTCPeerConnection();
  peer.addTransceiver('audio', { direction: 'sendonly' });
  await peer.setLocalDescription();
  const socket = new WebSocket(`${url}/v1/signal`, 'aircheck.v1');
  const answered = new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.id === 1) {
        const tracks = [{ mid: '0', source: 'microphone' }];
        socket.send(JSON.stringify({ id: 2, type: 'publish', sdp: peer.localDescription?.sdp, tracks }));
      } else if (message.id === 2) resolve(message);
    };
  });
  socket.onopen = () => socket.send(JSON.stringify({ id: 1, type: 'join', token }));
  const answer = await answered;
  socket.close();
  peer.close();
  return answer;
}

describe('a recording of a page whose network changes', () => {
  it('loses nothing when the signaling connection breaks and ICE is restarted', async () => {
    const server = await serverForTest();
    const page = await browser.openPage();
    await join(page, server, 'roam', 'ann');
    const { recordingId } = await record(server, 'roam', { userId: 'ann', fileName: 'roam' });
    await breakSignaling(page);
    await page.getByTestId('reconnecting').waitFor();
    await page.getByTestId('reconnecting').waitFor({ state: 'detached' });
    const fragments = await iceFragments(page);
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await expect.poll(() => iceFragments(page)).not.toEqual(fragments);
    const { durationMs } = await server.api.getRecording(recordingId);
    await untilRecording(server, recordingId, (recording) => recording.durationMs > durationMs + 3_000);
    const recording = await server.api.stopRecording(recordingId);
    expect(recording.fileIds.length).toBe(1);
    expect(recording.health).toMatchObject({ lostPackets: 0, lostFrames: 0, gapCount: 0 });
    const content = await contentOf(server, recording.fileIds[0]!);
    expectWhole(content);
    expect(content.silences).toEqual([]);
  });

  it('goes on in the same file, and tells the gap, when the media connection has to be made anew', async () => {
    const server = await serverForTest();
    const page = await browser.openPage();
    await join(page, server, 'anew', 'ann');
    const { recordingId } = await record(server, 'anew', { userId: 'ann', fileName: 'anew' });
    await untilRecording(server, recordingId, ({ durationMs }) => durationMs > 2_000);
    await killPublishingPeer(page);
    const tile = page.getByTestId('tile-ann-camera');
    await expect.poll(() => tile.getAttribute('data-connected'), { timeout: 20_000 }).toBe('false');
    await expect.poll(() => tile.getAttribute('data-connected'), { timeout: 20_000 }).toBe('true');
    const { durationMs } = await server.api.getRecording(recordingId);
    await untilRecording(server, recordingId, (recording) => recording.durationMs > durationMs + reportsSentMs + 3_000);
    const recording = await server.api.stopRecording(recordingId);
    expect((await server.api.listRecordings()).items.length).toBe(1);
    expect(recording.fileIds.length).toBe(1);
    for (const kind of ['video', 'audio']) {
      expect(recording.health.gaps).toContainEqual(expect.objectContaining({ kind, reason: 'absent' }));
    }
    const content = await contentOf(server, recording.fileIds[0]!);
    expectWhole(content);
    expectInSync(content, 2, durationMs + reportsSentMs);
  });
});
