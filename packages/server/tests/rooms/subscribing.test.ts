import { AircheckError } from '@aircheck/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RecordingWorkers } from './recording-workers.ts';
import { offerSdp, publishRequest, type Service, type SignalingClient, startService } from './service.ts';

let service: Service<RecordingWorkers>;
let anna: SignalingClient;
let ben: SignalingClient;
let benSession: string;

const microphoneOnly = { ...publishRequest, tracks: [{ mid: '0', source: 'microphone' }] };

const joinBen = async (options: object = {}) => {
  const client = await service.client();
  const token = await service.token('ben', 'audience');
  const answer = await client.request({ type: 'join', token, ...options });
  benSession = answer.result.sessionId;
  return client;
};

beforeEach(async () => {
  service = await startService(new RecordingWorkers());
  anna = await service.joined('anna', 'host');
  ben = await joinBen();
});

afterEach(() => service.close());

const answerTo = (revision: number) => ben.request({ type: 'answer', revision, sdp: 'v=0' });

test('nothing is offered while nobody publishes', async () => {
  await ben.request({ type: 'ping' });
  expect(service.workers.calls).toEqual([]);
});

test("the others' tracks are offered as soon as they are published, but not one's own", async () => {
  await anna.request(publishRequest);
  expect(await ben.told('offer')).toEqual({
    type: 'offer',
    revision: 1,
    sdp: 'offer 1',
    tracks: [
      { mid: '0', userId: 'anna', trackId: 'anna-microphone' },
      { mid: '1', userId: 'anna', trackId: 'anna-camera' },
    ],
    reset: false,
  });
  expect(service.workers.bodies('subscribe')).toHaveLength(1);
  expect(anna.notifications.filter(({ type }) => type === 'offer')).toEqual([]);
});

test('tracks published before are offered to a newcomer, after the answer to its join', async () => {
  await anna.request(publishRequest);
  const cleo = await service.client();
  cleo.send(JSON.stringify({ id: 1, type: 'join', token: await service.token('cleo', 'guest') }));
  await cleo.told('offer', () => {
    expect(cleo.answers).toHaveLength(1);
    return true;
  });
});

test('one negotiation is under way at a time, and takes together what changed meanwhile', async () => {
  await anna.request(microphoneOnly);
  const { revision } = await ben.told('offer');
  await anna.request(publishRequest);
  const cleo = await service.joined('cleo', 'host');
  await cleo.request({ ...publishRequest, sdp: offerSdp('99') });
  await ben.request({ type: 'ping' });
  const { peerId } = await service.workers.called('subscribe');
  const toBen = () => service.workers.bodies('subscribe').filter((body) => body.peerId === peerId);
  expect(toBen()).toHaveLength(1);
  await answerTo(revision);
  await ben.told('offer');
  expect(toBen().map(({ trackIds }) => trackIds)).toEqual([
    ['anna-microphone'],
    ['anna-microphone', 'anna-camera', 'cleo-microphone', 'cleo-camera'],
  ]);
});

test('a mute changes no offer', async () => {
  await anna.request(publishRequest);
  const { revision } = await ben.told('offer');
  await answerTo(revision);
  await anna.request({ type: 'mute', trackId: 'anna-camera', muted: true });
  await ben.told('participant-updated', ({ participant }) => participant.tracks[1]?.muted === true);
  await ben.request({ type: 'ping' });
  expect(service.workers.bodies('subscribe')).toHaveLength(1);
});

test('what leaves is offered no more', async () => {
  await anna.request(publishRequest);
  const { revision } = await ben.told('offer');
  await answerTo(revision);
  await anna.request({ type: 'leave' });
  expect(await ben.told('offer')).toMatchObject({ tracks: [] });
});

test('an answer to an older offer is ignored', async () => {
  await anna.request(publishRequest);
  const first = await ben.told('offer');
  await ben.request({ type: 'restart-subscriber', reset: true });
  const second = await ben.told('offer');
  expect(second.reset).toBe(true);
  expect((await answerTo(first.revision)).ok).toBe(true);
  expect(service.workers.bodies('subscribeAnswer')).toEqual([]);
  await answerTo(second.revision);
  const [former, latter] = service.workers.bodies('subscribe');
  expect(latter?.peerId).not.toBe(former?.peerId);
  expect(service.workers.bodies('subscribeAnswer')).toEqual([{ peerId: latter?.peerId, revision: 2, sdp: 'v=0' }]);
  await service.workers.called('closePeer', (body) => body.peerId === former?.peerId);
});

test('a restart draws new ICE credentials for the same connection', async () => {
  await anna.request(publishRequest);
  await answerTo((await ben.told('offer')).revision);
  await ben.request({ type: 'restart-subscriber' });
  expect(await ben.told('offer')).toMatchObject({ reset: false });
  const [first, second] = service.workers.bodies('subscribe');
  expect(first?.restart).toBeUndefined();
  expect(second).toEqual({ ...first, restart: true });
});

describe('an offer that is not answered', () => {
  const passTenSeconds = async () => {
    service.timers.advance(10_000);
    // Keeps the connections from counting as silent.
    await Promise.all([anna.request({ type: 'ping' }), ben.request({ type: 'ping' })]);
    service.timers.advance(1_000);
  };

  test('gives way to a new connection, three times at most, until the client asks', async () => {
    await anna.request(publishRequest);
    expect((await ben.told('offer')).reset).toBe(false);
    await passTenSeconds();
    expect((await ben.told('offer')).reset).toBe(true);
    await passTenSeconds();
    expect((await ben.told('offer')).reset).toBe(true);
    await passTenSeconds();
    await passTenSeconds();
    expect(service.workers.bodies('subscribe')).toHaveLength(3);
    expect(service.workers.bodies('closePeer')).toHaveLength(3);
    await ben.request({ type: 'restart-subscriber' });
    expect((await ben.told('offer')).reset).toBe(true);
  });

  test('is sent again when the client resumes', async () => {
    await anna.request(publishRequest);
    const offer = await ben.told('offer');
    await ben.drop();
    await anna.told('participant-updated', ({ participant }) => !participant.connected);
    service.timers.advance(20_000);
    ben = await joinBen({ sessionId: benSession });
    expect(await ben.told('offer')).toEqual(offer);
    expect((await answerTo(offer.revision)).ok).toBe(true);
    expect(service.workers.bodies('subscribeAnswer')).toHaveLength(1);
  });
});

test('what changed while the client was away is offered when it resumes', async () => {
  await ben.drop();
  await anna.told('participant-updated', ({ participant }) => !participant.connected);
  await anna.request(publishRequest);
  expect(service.workers.bodies('subscribe')).toEqual([]);
  ben = await joinBen({ sessionId: benSession });
  expect((await ben.told('offer')).tracks).toHaveLength(2);
});

test('an answer that the worker refuses is told, and a new connection is offered', async () => {
  await anna.request(publishRequest);
  const { revision } = await ben.told('offer');
  service.workers.failures.set('subscribeAnswer', new AircheckError('sdp-invalid', 'That is no answer'));
  expect((await answerTo(revision)).error).toMatchObject({ code: 'sdp-invalid', detail: 'That is no answer' });
  service.timers.advance(1_000);
  expect((await ben.told('offer')).reset).toBe(true);
});

test('a subscription that the worker cannot make now is tried again', async () => {
  service.workers.failures.set('subscribe', new AircheckError('timeout', 'The worker is busy'));
  await anna.request(publishRequest);
  await service.workers.called('closePeer');
  service.timers.advance(1_000);
  await ben.told('offer');
});

test('after its connection failed a client gets an offer for a new one', async () => {
  await anna.request(publishRequest);
  await answerTo((await ben.told('offer')).revision);
  const { peerId } = await service.workers.called('subscribe');
  service.workers.emit('peer-state', { peerId, state: 'failed' });
  service.timers.advance(1_000);
  expect((await ben.told('offer')).reset).toBe(true);
});

test('after its worker was lost a client gets offers for a new connection', async () => {
  await anna.request(publishRequest);
  await answerTo((await ben.told('offer')).revision);
  service.workers.loseWorkerOf('default/studio');
  await anna.told('republish');
  await ben.told('participant-updated', ({ participant }) => participant.tracks.length === 0);
  await anna.request(publishRequest);
  expect((await ben.told('offer')).reset).toBe(true);
});

describe('a client that chooses', () => {
  test('gets only the tracks that it asks for', async () => {
    await ben.request({ type: 'leave' });
    ben = await joinBen({ autoSubscribe: false });
    await anna.request(publishRequest);
    await ben.told('participant-updated');
    expect(service.workers.bodies('subscribe')).toEqual([]);
    await ben.request({ type: 'subscribe', trackId: 'anna-camera', enabled: true });
    expect((await ben.told('offer')).tracks).toEqual([{ mid: '0', userId: 'anna', trackId: 'anna-camera' }]);
  });

  test('does not get what it switched off', async () => {
    await anna.request(publishRequest);
    await answerTo((await ben.told('offer')).revision);
    await ben.request({ type: 'subscribe', trackId: 'anna-camera', enabled: false });
    expect((await ben.told('offer')).tracks.map(({ trackId }) => trackId)).toEqual(['anna-microphone']);
  });

  test('is told when there is no such track', async () => {
    const answer = await ben.request({ type: 'subscribe', trackId: 'nobody-camera', enabled: true });
    expect(answer.error.code).toBe('track-not-found');
    await anna.request(publishRequest);
    const own = await anna.request({ type: 'subscribe', trackId: 'anna-camera', enabled: true });
    expect(own.error.code).toBe('track-not-found');
  });
});

test('leaving closes the subscribing connection', async () => {
  await anna.request(publishRequest);
  await ben.told('offer');
  const { peerId } = await service.workers.called('subscribe');
  await ben.request({ type: 'leave' });
  expect(await service.workers.called('closePeer')).toEqual({ peerId });
});
