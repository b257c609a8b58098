import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AircheckError, Room } from '../src/core/index.ts';
import {
  type FakePlatform,
  type FakeSocket,
  fakePlatform,
  joinResult,
  participant,
  recording,
  videoTrack,
} from './fakes.ts';

let fake: FakePlatform;

beforeEach(() => {
  vi.useFakeTimers();
  fake = fakePlatform();
});

afterEach(() => {
  vi.useRealTimers();
});

function newest(): FakeSocket {
  return fake.sockets.at(-1)!;
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

async function join(changes: Parameters<typeof joinResult>[0] = {}): Promise<Room> {
  const connecting = Room.connect('https://example.org/', 'token', { platform: fake.platform });
  newest().open();
  await settle();
  newest().answer('join', joinResult(changes));
  return connecting;
}

async function resume(resumed: boolean): Promise<void> {
  newest().drop();
  await vi.advanceTimersByTimeAsync(300);
  newest().open();
  await settle();
  newest().answer('join', joinResult({ resumed }));
  await settle();
}

async function publishedCamera(room: Room) {
  const publishing = room.publishCamera();
  await settle();
  newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t1'), mid: '0' }] });
  const track = await publishing;
  fake.connections[0]!.ice('connected');
  return track;
}

describe('publishing', () => {
  test('a camera is offered as its source, H.264 first, at a fixed resolution and 1.5 Mbit/s', async () => {
    const room = await join();
    const track = await publishedCamera(room);
    expect(newest().url).toBe('wss://example.org/v1/signal');
    expect(newest().requests('publish')[0]).toMatchObject({
      sdp: 'local 1',
      tracks: [{ mid: '0', source: 'camera', muted: false }],
    });
    const transceiver = fake.connections[0]!.transceivers[0]!;
    expect(transceiver.codecs.map((codec) => (codec as { mimeType: string }).mimeType)).toEqual([
      'video/H264',
      'video/VP8',
    ]);
    expect(transceiver.sender.parameters).toEqual({
      degradationPreference: 'maintain-resolution',
      encodings: [{ maxBitrate: 1_500_000 }],
    });
    expect(track).toMatchObject({ trackId: 't1', codec: 'h264', source: 'camera' });
    expect(room.localTracks).toEqual([track]);
  });

  test('a refused track is rejected with the code, its device is stopped, and the next one can be published', async () => {
    const room = await join();
    const publishing = room.publishCamera();
    const outcome = expect(publishing).rejects.toMatchObject({ code: 'forbidden' });
    await settle();
    newest().refuse('publish', 'forbidden');
    await outcome;
    expect(fake.captured[0]!.stopped).toBe(true);
    expect(room.localTracks).toEqual([]);
    const again = room.publishMicrophone();
    await settle();
    expect(newest().requests('publish').at(-1)).toMatchObject({ tracks: [{ source: 'microphone' }] });
    const mid = (newest().requests('publish').at(-1)!.tracks as { mid: string }[])[0]!.mid;
    newest().answer('publish', {
      sdp: 'answer',
      tracks: [{ ...videoTrack('a1'), kind: 'audio', source: 'microphone', codec: 'opus', mid }],
    });
    expect((await again).trackId).toBe('a1');
  });

  test('muting sends silence and says so', async () => {
    const room = await join();
    const track = await publishedCamera(room);
    const muting = room.setMuted(track, true);
    newest().answer('mute');
    await muting;
    expect(fake.captured[0]!.enabled).toBe(false);
    expect(newest().requests('mute')[0]).toMatchObject({ trackId: 't1', muted: true });
  });

  test('switching the camera keeps the track and stops the former device', async () => {
    const room = await join();
    const track = await publishedCamera(room);
    await room.switchDevice(track, 'other');
    expect(fake.connections[0]!.transceivers[0]!.sender.track).toBe(fake.captured[1]);
    expect(fake.captured.map(({ stopped }) => stopped)).toEqual([true, false]);
    expect(newest().requests('publish')).toHaveLength(1);
  });

  test('a track that the browser ended is unpublished, and its m-line taken again', async () => {
    const room = await join();
    const removed: string[] = [];
    room.on('local-track-removed', ({ source }) => removed.push(source));
    await publishedCamera(room);
    fake.captured[0]!.unplug();
    await settle();
    expect(removed).toEqual(['camera']);
    expect(newest().requests('publish').at(-1)).toMatchObject({ tracks: [] });
    newest().answer('publish', { sdp: 'answer', tracks: [] });
    await settle();
    void room.publishCamera();
    await settle();
    expect(fake.connections[0]!.transceivers).toHaveLength(1);
    expect(newest().requests('publish').at(-1)).toMatchObject({ tracks: [{ mid: '0', source: 'camera' }] });
  });

  test('a device that is unplugged while its track is being published is unpublished again', async () => {
    const room = await join();
    const removed: string[] = [];
    room.on('local-track-removed', ({ source }) => removed.push(source));
    const publishing = room.publishCamera();
    await settle();
    fake.captured[0]!.unplug();
    newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t1'), mid: '0' }] });
    await publishing;
    await settle();
    expect(removed).toEqual(['camera']);
    expect(newest().requests('publish').at(-1)).toMatchObject({ tracks: [] });
  });

  test('a device that opens after its track was unpublished is stopped', async () => {
    const room = await join();
    const track = await publishedCamera(room);
    const switching = room.switchDevice(track, 'other');
    room.unpublish(track);
    await expect(switching).rejects.toMatchObject({ code: 'track-not-found' });
    expect(fake.captured.map(({ stopped }) => stopped)).toEqual([true, true]);
  });

  test('after the room was left nothing is published, and the device is stopped', async () => {
    const room = await join();
    const leaving = room.leave();
    newest().answer('leave');
    await leaving;
    await expect(room.publishCamera()).rejects.toMatchObject({ code: 'session-not-found' });
    expect(fake.captured[0]!.stopped).toBe(true);
    expect(fake.connections).toHaveLength(0);
  });

  test('a refusal that may pass is tried again, less and less often', async () => {
    const room = await join();
    const publishing = room.publishCamera();
    await settle();
    const triesAtMs: number[] = [];
    const start = Date.now();
    for (let tries = 1; tries <= 4; tries += 1) {
      while (newest().requests('publish').length < tries) await vi.advanceTimersByTimeAsync(100);
      triesAtMs.push(Date.now() - start);
      if (tries < 4) newest().refuse('publish', 'worker-lost');
      await settle();
    }
    expect(triesAtMs).toEqual([0, 1_000, 3_000, 7_000]);
    const mid = (newest().requests('publish').at(-1)!.tracks as { mid: string }[])[0]!.mid;
    newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t1'), mid }] });
    expect((await publishing).trackId).toBe('t1');
  });
});

describe('the network changes', () => {
  test('a resumed session whose media still flows is offered again without an ICE restart', async () => {
    const room = await join();
    await publishedCamera(room);
    await resume(true);
    expect(newest().requests('publish')).toHaveLength(1);
    expect(fake.connections).toHaveLength(1);
    expect(fake.connections[0]!.iceRestarts).toBe(0);
  });

  test('a resumed session whose media path broke restarts ICE on the same connection', async () => {
    const room = await join();
    await publishedCamera(room);
    fake.connections[0]!.iceConnectionState = 'disconnected';
    await resume(true);
    expect(fake.connections[0]!.iceRestarts).toBe(1);
    expect(newest().requests('publish')).toHaveLength(1);
  });

  test('a session that was not kept is published on a new connection, mute state included', async () => {
    const room = await join();
    const track = await publishedCamera(room);
    const muting = room.setMuted(track, true);
    newest().answer('mute');
    await muting;
    await resume(false);
    expect(fake.connections).toHaveLength(2);
    expect(fake.connections[0]!.closed).toBe(true);
    expect(newest().requests('publish')[0]).toMatchObject({ tracks: [{ mid: '0', source: 'camera', muted: true }] });
    newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t2'), mid: '0' }] });
    await settle();
    expect(room.localTrack('camera')?.trackId).toBe('t2');
  });

  test('a publication that the broken connection interrupted goes on after the reconnect', async () => {
    const room = await join();
    const publishing = room.publishCamera();
    await settle();
    await resume(true);
    newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t1'), mid: '0' }] });
    expect((await publishing).trackId).toBe('t1');
  });

  test('a path that fails is restarted twice and then replaced by a new connection', async () => {
    const room = await join();
    await publishedCamera(room);
    fake.connections[0]!.ice('failed');
    await settle();
    expect(fake.connections[0]!.iceRestarts).toBe(1);
    newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t1'), mid: '0' }] });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(fake.connections[0]!.iceRestarts).toBe(2);
    newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t1'), mid: '0' }] });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(fake.connections).toHaveLength(2);
    expect(fake.connections[0]!.closed).toBe(true);
  });

  test('a path that heals by itself is left alone', async () => {
    const room = await join();
    await publishedCamera(room);
    fake.connections[0]!.ice('disconnected');
    await vi.advanceTimersByTimeAsync(1_000);
    fake.connections[0]!.ice('connected');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(fake.connections[0]!.iceRestarts).toBe(0);
  });

  test('another network restarts ICE at once', async () => {
    const room = await join();
    await publishedCamera(room);
    fake.changeNetwork();
    await settle();
    expect(fake.connections[0]!.iceRestarts).toBe(1);
    expect(room.state).toBe('connected');
  });

  test('changes of a network whose path holds never cost the connection', async () => {
    const room = await join();
    await publishedCamera(room);
    for (let change = 0; change < 5; change += 1) {
      fake.changeNetwork();
      await settle();
      newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t1'), mid: '0' }] });
      newest().answer('ping');
      await vi.advanceTimersByTimeAsync(7_000);
    }
    expect(room.localTracks).toHaveLength(1);
    expect(fake.connections).toHaveLength(1);
  });

  test('a recording that ended meanwhile is told of', async () => {
    const room = await join({ recordings: [recording('r1', 'recording'), recording('r2', 'recording')] });
    fake.answers.set('/v1/recordings/r1', recording('r1', 'ready'));
    newest().drop();
    await vi.advanceTimersByTimeAsync(300);
    newest().open();
    await settle();
    newest().answer('join', joinResult({ resumed: true, recordings: [recording('r2', 'recording')] }));
    await settle();
    await vi.waitFor(() =>
      expect(room.recordings.map(({ recordingId, state }) => [recordingId, state])).toEqual([
        ['r1', 'ready'],
        ['r2', 'recording'],
      ]),
    );
  });

  test('a server that lost the publishing connection gets a new one', async () => {
    const room = await join();
    await publishedCamera(room);
    newest().tell({ type: 'republish' });
    await settle();
    expect(fake.connections).toHaveLength(2);
    expect(newest().requests('publish').at(-1)).toMatchObject({ tracks: [{ source: 'camera' }] });
  });
});

describe('subscribing', () => {
  const offer = (revision: number, sdp: string, tracks: object[], reset = false) => ({
    type: 'offer',
    revision,
    sdp,
    tracks,
    reset,
  });
  const annsTrack = { mid: '0', userId: 'ann', trackId: 'v1' };

  test('an offer is answered with its revision, and the track is there once it is described too', async () => {
    const room = await join();
    const events: string[] = [];
    room.on('track-added', (track) => events.push(`+${track.userId}/${track.source}`));
    room.on('track-removed', (track) => events.push(`-${track.userId}/${track.source}`));
    newest().tell(offer(1, '0:video', [annsTrack]));
    await settle();
    expect(newest().requests('answer')[0]).toMatchObject({ revision: 1, sdp: 'local 1' });
    expect(events).toEqual([]);
    newest().tell({ type: 'participant-joined', participant: participant('ann', [videoTrack('v1')]) });
    expect(events).toEqual(['+ann/camera']);
    newest().tell({ type: 'participant-left', userId: 'ann' });
    expect(events).toEqual(['+ann/camera', '-ann/camera']);
  });

  test('of offers that come together only the newest is answered', async () => {
    await join();
    newest().tell(offer(1, '0:video', [annsTrack]));
    newest().tell(offer(2, '0:video 1:audio', [annsTrack]));
    await settle();
    expect(newest().requests('answer')).toMatchObject([{ revision: 2 }]);
  });

  test('a reset makes a new connection, whose tracks replace the old ones', async () => {
    const room = await join({ participants: [participant('ann', [videoTrack('v1')])] });
    newest().tell(offer(1, '0:video', [annsTrack]));
    await settle();
    const former = room.remoteTracks[0];
    newest().tell(offer(2, '0:video', [annsTrack], true));
    await settle();
    expect(fake.connections).toHaveLength(2);
    expect(fake.connections[0]!.closed).toBe(true);
    expect(room.remoteTracks).toHaveLength(1);
    expect(room.remoteTracks[0]).not.toBe(former);
  });

  test('an offer that the browser cannot apply is answered by asking for a new connection, less and less often', async () => {
    await join();
    const counts: number[] = [];
    for (let revision = 1; revision <= 3; revision += 1) {
      newest().tell(offer(revision, 'broken', [], revision > 1));
      await vi.advanceTimersByTimeAsync(1_000);
      counts.push(newest().requests('restart-subscriber').length);
    }
    expect(counts).toEqual([1, 1, 1]);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(newest().requests('restart-subscriber')).toMatchObject([{ reset: true }, { reset: true }]);
  });

  test('a broken path asks the server for an ICE restart, later for a new connection', async () => {
    await join();
    newest().tell(offer(1, '0:video', [annsTrack]));
    await settle();
    fake.connections[0]!.ice('failed');
    await vi.advanceTimersByTimeAsync(12_000);
    expect(
      newest()
        .requests('restart-subscriber')
        .map(({ reset }) => reset),
    ).toEqual([false, false, true]);
  });
});

describe('joining', () => {
  test('names room, role, expectation and live options, and expects nothing of a room that it comes back to', async () => {
    const connecting = Room.connect('https://example.org/', 'token', {
      platform: fake.platform,
      roomId: 'demo',
      role: 'guest',
      expect: 'existing',
      live: { rtmpUrl: 'rtmp://x' },
    });
    newest().open();
    await settle();
    const asked = { token: 'token', autoSubscribe: true, roomId: 'demo', role: 'guest', live: { rtmpUrl: 'rtmp://x' } };
    expect(newest().requests('join')).toEqual([{ id: 1, type: 'join', ...asked, expect: 'existing' }]);
    newest().answer('join', joinResult());
    await connecting;
    newest().drop();
    await vi.advanceTimersByTimeAsync(300);
    newest().open();
    await settle();
    const [again] = newest().requests('join');
    expect(again).toMatchObject({ ...asked, sessionId: 'session-1' });
    expect(again).not.toHaveProperty('expect');
  });
});

describe('roles', () => {
  test('a new token counts for requests and for coming back', async () => {
    const room = await join();
    const renewed = vi.fn();
    room.on('token-renewed', renewed);
    const changing = room.changeRole('guest', 'newer');
    expect(newest().requests('change-role')).toMatchObject([{ role: 'guest', token: 'newer' }]);
    newest().answer('change-role', { self: { ...participant('me'), role: 'guest' } });
    expect(renewed).not.toHaveBeenCalled();
    await changing;
    expect(renewed).toHaveBeenCalledOnce();
    expect(room.self.role).toBe('guest');
    fake.answers.set('/v1/tokens/viewer', { token: 'v', userId: 'me@agent:1', expiresAt: '' });
    expect(await room.createViewerToken()).toMatchObject({ token: 'v' });
    expect(fake.fetched.at(-1)).toMatchObject({
      body: '{"roomId":"demo"}',
      headers: { authorization: 'Bearer newer' },
    });
    newest().drop();
    await vi.advanceTimersByTimeAsync(300);
    newest().open();
    await settle();
    expect(newest().requests('join')).toMatchObject([{ token: 'newer', role: 'guest' }]);
  });

  test('who becomes audience publishes nothing any more, and can publish again as a guest', async () => {
    const room = await join();
    const track = await publishedCamera(room);
    const removed = vi.fn();
    room.on('local-track-removed', removed);
    const changing = room.changeRole('audience');
    newest().answer('change-role', { self: { ...participant('me'), role: 'audience' } });
    await changing;
    await settle();
    expect(removed).toHaveBeenCalledWith(track, undefined);
    expect(room.localTracks).toEqual([]);
    expect(fake.captured[0]).toMatchObject({ stopped: true });
    expect(fake.connections[0]).toMatchObject({ closed: true });
    expect(newest().requests('publish')).toHaveLength(1);

    const back = room.changeRole('guest');
    newest().answer('change-role', { self: { ...participant('me'), role: 'guest' } });
    await back;
    const publishing = room.publishCamera();
    await settle();
    newest().answer('publish', { sdp: 'answer', tracks: [{ ...videoTrack('t2'), mid: '0' }] });
    expect((await publishing).trackId).toBe('t2');
  });

  test('a refused change changes nothing', async () => {
    const room = await join();
    await publishedCamera(room);
    const changing = room.changeRole('audience');
    newest().refuse('change-role', 'forbidden');
    await expect(changing).rejects.toMatchObject({ code: 'forbidden' });
    expect(room.localTracks).toHaveLength(1);
  });
});

test('devices that come and go are told of until the room is left', async () => {
  const room = await join();
  const told = vi.fn();
  room.on('devices', told);
  const plug = async (kind: MediaDeviceKind, deviceId: string) => {
    fake.devices.push({ kind, deviceId, label: deviceId });
    fake.platform.mediaDevices?.dispatchEvent(new Event('devicechange'));
    await settle();
  };
  await plug('audiooutput', 'headset');
  expect(told).toHaveBeenCalledWith({
    cameras: [],
    microphones: [],
    speakers: [{ deviceId: 'headset', label: 'headset' }],
  });
  const leaving = room.leave();
  newest().answer('leave');
  await leaving;
  await plug('audioinput', 'microphone');
  expect(told).toHaveBeenCalledTimes(1);
});

test('an error of the server has the number that the vendor has for it', async () => {
  const room = await join();
  fake.answers.set('/v1/rooms/demo/recordings', new AircheckError('recording-exists', 'Taken').toProblem());
  const starting = room.startRecording({ fileName: 'x' });
  await expect(starting).rejects.toMatchObject({ code: 'recording-exists', vendorCode: 30000415 });
});

test('leaving closes connections, stops devices and leaves no timer behind', async () => {
  const room = await join();
  await publishedCamera(room);
  const ends: string[] = [];
  room.on('closed', (reason) => ends.push(reason));
  const leaving = room.leave();
  newest().answer('leave');
  await leaving;
  expect(ends).toEqual(['left']);
  expect(room.state).toBe('closed');
  expect(fake.connections[0]!.closed).toBe(true);
  expect(fake.captured[0]!.stopped).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});
