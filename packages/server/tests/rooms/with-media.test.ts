import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MediaWorkers } from '../../src/worker/index.ts';
import { MediaPeer } from './media-peer.ts';
import { type Service, type SignalingClient, startService } from './service.ts';

/*
 * Rooms, WHIP and WHEP with a media worker in a process of its own and real packets.
 */

const tracks = [
  { mid: '0', source: 'microphone' },
  { mid: '1', source: 'camera' },
];

let folder: string;
let workers: MediaWorkers;
let service: Service<MediaWorkers>;
const peers: MediaPeer[] = [];

// One worker for all: rooms begin and end in it.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aircheck-rooms-'));
  workers = new MediaWorkers({
    count: 1,
    portRange: [0, 0],
    options: { host: '127.0.0.1', recordingsFolder: folder, syncMs: 2000, logLevel: 'silent' },
    logger: pino({ level: 'silent' }),
  });
  await workers.start();
});

afterAll(async () => {
  await workers.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  service = await startService(workers);
});

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
  await service.close();
});

function newPeer(): MediaPeer {
  const peer = new MediaPeer();
  peers.push(peer);
  return peer;
}

async function publish(client: SignalingClient): Promise<MediaPeer> {
  const peer = newPeer();
  const answer = await client.request({ type: 'publish', sdp: await peer.offerToSend(), tracks });
  expect(answer.error).toBeUndefined();
  await peer.takeAnswer(answer.result.sdp);
  await peer.connected();
  peer.startSending();
  return peer;
}

/** Answers the next offer with a new connection. */
async function subscribe(client: SignalingClient, reset = false): Promise<MediaPeer> {
  const peer = newPeer();
  const offer = await client.told('offer', ({ tracks: offered }) => offered.length === 2);
  expect(offer.reset).toBe(reset);
  const answer = await client.request({ type: 'answer', revision: offer.revision, sdp: await peer.answer(offer.sdp) });
  expect(answer.error).toBeUndefined();
  return peer;
}

const post = async (path: string, userId: string, role: 'host' | 'audience', body: string) =>
  service.app.inject({
    method: 'POST',
    url: path,
    headers: { authorization: `Bearer ${await service.token(userId, role)}`, 'content-type': 'application/sdp' },
    body,
  });

describe('in a room', () => {
  test('packets go from one participant to another, signaling or not', async () => {
    const anna = await service.joined('anna', 'host');
    const ben = await service.joined('ben', 'audience');
    await publish(anna);
    const receiver = await subscribe(ben);
    await receiver.receives(10);

    await anna.drop();
    await ben.told('participant-updated', ({ participant }) => !participant.connected);
    await receiver.receives(10);
  });

  test('who joins again goes on in the same tracks', async () => {
    const former = await service.joined('anna', 'host');
    const ben = await service.joined('ben', 'audience');
    await publish(former);
    const { tracks: before } = await ben.told('offer');
    const anna = await service.joined('anna', 'host');
    await former.told('closed');
    await publish(anna);
    const { participant } = await ben.told('participant-updated', (update) => update.participant.tracks.length === 2);
    expect(participant.tracks.map(({ trackId }) => trackId)).toEqual(before.map(({ trackId }) => trackId));
  });

  test('when the media worker is killed, publishing again brings the packets back', async () => {
    const anna = await service.joined('anna', 'host');
    const ben = await service.joined('ben', 'audience');
    await publish(anna);
    await (await subscribe(ben)).receives(1);
    const [pid = 0] = service.workers.pids;
    process.kill(pid, 'SIGKILL');
    await anna.told('republish');
    await ben.told('participant-updated', ({ participant }) => participant.tracks.length === 0);
    await publish(anna);
    await (await subscribe(ben, true)).receives(10);
  });
});

describe('over HTTP', () => {
  test('packets go from WHIP to WHEP, and end with DELETE', async () => {
    const publisher = newPeer();
    const published = await post('/whip/studio', 'anna', 'host', await publisher.offerToSend());
    expect(published.statusCode).toBe(201);
    expect(published.body).toContain(`a=ice-ufrag:${String(published.headers.etag).slice(1, -1)}\r\n`);
    await publisher.takeAnswer(published.body);
    await publisher.connected();
    publisher.startSending();
    await expect.poll(() => service.rooms.participant('default', 'studio', 'anna')?.connected).toBe(true);

    const viewer = newPeer();
    const viewed = await post('/whep/studio/anna', 'vera', 'audience', await viewer.offerToReceive());
    expect(viewed.statusCode).toBe(201);
    await viewer.takeAnswer(viewed.body);
    await viewer.receives(10);

    const authorization = `Bearer ${await service.token('anna', 'host')}`;
    const url = String(published.headers.location);
    expect((await service.app.inject({ method: 'DELETE', url, headers: { authorization } })).statusCode).toBe(200);
    expect(service.rooms.participant('default', 'studio', 'anna')).toBeUndefined();
    expect((await service.workers.stats())[0]).toMatchObject({ peers: 0 });
  });

  test('an ICE restart gives new credentials', async () => {
    const publisher = newPeer();
    const { headers } = await post('/whip/studio', 'anna', 'host', await publisher.offerToSend());
    const response = await service.app.inject({
      method: 'PATCH',
      url: String(headers.location),
      headers: {
        authorization: `Bearer ${await service.token('anna', 'host')}`,
        'content-type': 'application/trickle-ice-sdpfrag',
        'if-match': '"*"',
      },
      body: 'a=ice-ufrag:newOne\r\na=ice-pwd:aFreshPasswordOfTheClient\r\n',
    });
    expect(response.statusCode).toBe(200);
    expect(response.headers.etag).not.toBe(headers.etag);
    expect(response.body).toContain(`a=ice-ufrag:${String(response.headers.etag).slice(1, -1)}\r\n`);
    expect(response.body).toMatch(/^a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 \d+ typ host/m);
  });

  test.each([
    ['without sound and picture', (sdp: string) => sdp.split(/(?=m=)/)[0] ?? '', 400, 'sdp-invalid'],
    [
      'with codecs that are not taken',
      (sdp: string) => sdp.replaceAll(/(opus|H264)\//gi, 'theora/'),
      406,
      'codec-unsupported',
    ],
    ['without ICE credentials', (sdp: string) => sdp.replaceAll(/a=ice-(ufrag|pwd):.*\r\n/g, ''), 400, 'sdp-invalid'],
  ])('an offer %s is refused', async (_name, spoil, status, code) => {
    const response = await post('/whip/studio', 'anna', 'host', spoil(await newPeer().offerToSend()));
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    expect(service.rooms.participant('default', 'studio', 'anna')).toBeUndefined();
  });
});
