import type { Role } from '@aircheck/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RecordingWorkers } from './recording-workers.ts';
import { offerSdp, type Service, type SignalingClient, startService } from './service.ts';

let service: Service<RecordingWorkers>;
beforeEach(async () => {
  service = await startService(new RecordingWorkers());
});
afterEach(() => service.close());

async function join(userId: string, role: Role, tokenRoom: string, options: object = {}) {
  const client = await service.client();
  const token = await service.token(userId, role, tokenRoom);
  return { client, answer: await client.request({ type: 'join', token, ...options }) };
}

/** Joins with a user token. */
async function inside(userId: string, role: Role, roomId: string): Promise<SignalingClient> {
  const { client, answer } = await join(userId, role, '*', { roomId });
  expect(answer.ok).toBe(true);
  return client;
}

async function asUser(userId: string, role: Role, method: 'GET' | 'PUT' | 'POST', url: string, body?: object) {
  const headers = { authorization: `Bearer ${await service.token(userId, role, '*')}` };
  const response = await service.app.inject({ method, url, headers, ...(body && { body }) });
  return { status: response.statusCode, body: response.json() };
}

describe('a user token', () => {
  test('joins any room of the app, as what it may be or as less', async () => {
    await inside('anna', 'host', 'one');
    await inside('anna', 'host', 'two');
    const { answer } = await join('ben', 'host', '*', { roomId: 'two', role: 'audience' });
    expect(answer.result).toMatchObject({ roomId: 'two', self: { userId: 'ben', role: 'audience' } });
  });

  test('must name the room', async () => {
    const { answer } = await join('anna', 'host', '*');
    expect(answer.error).toMatchObject({ code: 'request-invalid', input: 'roomId' });
  });

  test('sees and does over HTTP what its user may in the rooms where it is now', async () => {
    await inside('ben', 'host', 'room');
    expect(await asUser('anna', 'host', 'GET', '/v1/rooms/room')).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    const anna = await inside('anna', 'host', 'room');
    expect((await asUser('anna', 'host', 'GET', '/v1/rooms/room')).body.participants).toHaveLength(2);
    await anna.request({ type: 'leave' });
    expect((await asUser('anna', 'host', 'GET', '/v1/rooms/room')).status).toBe(403);
  });

  test('makes rooms as host, and is not told who is inside of one that it is not in', async () => {
    await inside('ben', 'host', 'room');
    const made = await asUser('anna', 'host', 'PUT', '/v1/rooms/room', {});
    expect([made.status, made.body.participants]).toEqual([200, []]);
    const taken = await asUser('anna', 'host', 'PUT', '/v1/rooms/room', { expect: 'new' });
    expect([taken.status, taken.body.code]).toEqual([409, 'room-exists']);
    expect((await asUser('anna', 'host', 'PUT', '/v1/rooms/other', { expect: 'new' })).status).toBe(200);
    expect((await asUser('anna', 'guest', 'PUT', '/v1/rooms/third', {})).status).toBe(403);
  });

  test('publishes over WHIP in any room, and watches over WHEP only where its user is', async () => {
    const post = async (url: string) =>
      service.app.inject({
        method: 'POST',
        url,
        headers: {
          authorization: `Bearer ${await service.token('anna', 'host', '*')}`,
          'content-type': 'application/sdp',
        },
        body: offerSdp(),
      });
    expect((await post('/whip/room')).statusCode).toBe(201);
    expect((await post('/whep/room/anna')).statusCode).toBe(201);
    const ben = await inside('ben', 'host', 'other');
    await ben.request({ type: 'publish', sdp: offerSdp('2'), tracks: [{ mid: '1', source: 'camera' }] });
    expect((await post('/whep/other/ben')).json()).toMatchObject({ code: 'forbidden' });

    const anna = await inside('anna', 'host', 'other');
    expect((await post('/whep/other/ben')).statusCode).toBe(201);
    const { peerId } = service.workers.bodies('view').at(-1)!;
    await anna.request({ type: 'leave' });
    await service.workers.called('closePeer', (body) => body.peerId === peerId);
  });
});

describe('the token of one room', () => {
  test('joins no other', async () => {
    const { answer } = await join('anna', 'host', 'room', { roomId: 'other' });
    expect(answer.error).toMatchObject({ code: 'forbidden', input: 'roomId' });
    expect((await join('anna', 'host', 'room', { roomId: 'room' })).answer.ok).toBe(true);
  });

  test('joins as no more than it says', async () => {
    await inside('ben', 'host', 'room');
    const { answer } = await join('anna', 'guest', 'room', { role: 'host' });
    expect(answer.error).toMatchObject({ code: 'forbidden', input: 'role' });
  });
});

describe('what a room is expected to be', () => {
  test('new: nobody else is inside', async () => {
    await service.asServer('PUT', '/v1/rooms/room', {});
    const { answer } = await join('anna', 'host', '*', { roomId: 'room', expect: 'new' });
    expect(answer.ok).toBe(true);
    const ben = await join('ben', 'host', '*', { roomId: 'room', expect: 'new' });
    expect(ben.answer.error).toMatchObject({ code: 'room-exists' });
    // Left over from a page that was loaded again.
    expect((await join('anna', 'host', '*', { roomId: 'room', expect: 'new' })).answer.ok).toBe(true);
  });

  test('existing: a host makes none', async () => {
    const { answer } = await join('anna', 'host', '*', { roomId: 'room', expect: 'existing' });
    expect(answer.error).toMatchObject({ code: 'room-not-found' });
    await service.asServer('PUT', '/v1/rooms/room', {});
    expect((await join('anna', 'host', '*', { roomId: 'room', expect: 'existing' })).answer.ok).toBe(true);
  });

  test('who comes back does not meet a stranger in itself', async () => {
    const { answer, client } = await join('anna', 'host', '*', { roomId: 'room', expect: 'new' });
    await inside('ben', 'host', 'room');
    await client.drop();
    const { sessionId } = answer.result;
    const again = await join('anna', 'host', '*', { roomId: 'room', expect: 'new', sessionId });
    expect(again.answer.result).toMatchObject({ resumed: true });
  });
});

test('a room has one live host, and nobody sees another who tries', async () => {
  const rtmpUrl = 'rtmp://push.example.org/live/key';
  const anna = await inside('anna', 'host', 'room');
  const live = { roomId: 'room', live: { rtmpUrl } };
  expect((await join('ben', 'host', '*', live)).answer.ok).toBe(true);
  const { answer } = await join('cleo', 'host', '*', live);
  expect(answer.error).toMatchObject({ code: 'live-host-exists', input: 'live.rtmpUrl' });
  // Who has just loaded the page again is no second one.
  expect((await join('ben', 'host', '*', live)).answer.ok).toBe(true);
  await join('cleo', 'host', '*', { roomId: 'room', live: {} });
  const told = await anna.told('participant-joined', ({ participant }) => participant.userId === 'cleo');
  expect(told.participant.live).toEqual({ host: false });
});

test('who takes part in live interaction is known as its host or not, the address to nobody', async () => {
  const anna = await inside('anna', 'host', 'room');
  const rtmpUrl = 'rtmp://push.example.org/live/key';
  await join('ben', 'host', '*', { roomId: 'room', live: { rtmpUrl, rtmpRecord: true } });
  await join('cleo', 'guest', '*', { roomId: 'room', live: {} });
  const told = await anna.told('participant-joined', ({ participant }) => participant.userId === 'cleo');
  expect(told.participant.live).toEqual({ host: false });
  const { body } = await asUser('anna', 'host', 'GET', '/v1/rooms/room');
  expect(body.participants[0]).not.toHaveProperty('live');
  expect(body.participants[1].live).toEqual({ host: true });
  expect(JSON.stringify(body)).not.toContain('push.example.org');
});
