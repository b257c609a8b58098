import type { RoomEnded } from '@aircheck/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordingWorkers } from './recording-workers.ts';
import { offerSdp, publishRequest, type Service, type SignalingClient, startService } from './service.ts';

let service: Service<RecordingWorkers>;
beforeEach(async () => {
  service = await startService(new RecordingWorkers());
});
afterEach(() => service.close());

async function viewerToken(bearer: string, roomId?: string) {
  const response = await service.app.inject({
    method: 'POST',
    url: '/v1/tokens/viewer',
    headers: { authorization: `Bearer ${bearer}` },
    body: { ...(roomId !== undefined && { roomId }) },
  });
  return { status: response.statusCode, body: response.json() };
}

/** Joins as a hidden viewer of somebody. */
async function watch(userId: string, options: object = {}) {
  const { body } = await viewerToken(await service.token(userId, 'host'));
  const client = await service.client();
  return { client, token: body.token, answer: await client.request({ type: 'join', token: body.token, ...options }) };
}

const participants = async () => (await service.asServer('GET', '/v1/rooms/studio')).json().participants;

/** What somebody was told of who comes, goes or changes, when all is told that could be. */
async function news(client: SignalingClient): Promise<string[]> {
  await client.request({ type: 'ping' });
  return client.notifications.map(({ type }) => type).filter((type) => type.startsWith('participant'));
}

test('a viewer sees everything and is neither listed nor told of', async () => {
  const anna = await service.joined('anna', 'host');
  const ben = await service.joined('ben', 'guest');
  await anna.told('participant-joined');
  await ben.request(publishRequest);
  await anna.told('participant-updated');

  const { client, answer } = await watch('anna');
  expect(answer.result).toMatchObject({
    self: { userId: expect.stringMatching(/^anna@agent:[\w-]{11}$/), role: 'audience' },
    participants: [{ userId: 'anna' }, { userId: 'ben' }],
  });
  // Both tracks are offered, and what comes later is told.
  expect((await client.told('offer')).tracks).toHaveLength(2);
  const cleo = await service.joined('cleo', 'guest');
  expect(await client.told('participant-joined')).toMatchObject({ participant: { userId: 'cleo' } });
  expect((await participants()).map(({ userId }: { userId: string }) => userId)).toEqual(['anna', 'ben', 'cleo']);
  await anna.told('participant-joined', ({ participant }) => participant.userId === 'cleo');

  await client.drop();
  // Past the time that its place is kept for it; the others are heard of meanwhile.
  for (let i = 0; i < 4; i += 1) {
    service.timers.advance(20_000);
    for (const one of [anna, ben, cleo]) await one.request({ type: 'ping' });
  }
  expect(await news(anna)).toEqual([]);
});

test('a viewer publishes nothing, becomes nothing else and makes no viewers', async () => {
  await service.joined('anna', 'host');
  const { client, token } = await watch('anna');
  expect((await client.request(publishRequest)).error).toMatchObject({ code: 'forbidden' });
  expect((await client.request({ type: 'change-role', role: 'host' })).error).toMatchObject({ code: 'forbidden' });
  const raised = await client.request({
    type: 'change-role',
    role: 'host',
    token: await service.token('anna', 'host'),
  });
  expect(raised.error).toMatchObject({ code: 'forbidden' });
  expect((await viewerToken(token)).status).toBe(403);
  const whep = await service.app.inject({
    method: 'POST',
    url: '/whep/studio/anna',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
    body: offerSdp(),
  });
  expect(whep.statusCode).toBe(403);
});

test('a viewer is there only as long as the one is that it watches for', async () => {
  const anna = await service.joined('anna', 'host');
  const ben = await service.joined('ben', 'host');
  const { client, token } = await watch('anna');
  const room = () => service.app.inject({ url: '/v1/rooms/studio', headers: { authorization: `Bearer ${token}` } });
  expect((await room()).statusCode).toBe(200);
  await anna.request({ type: 'leave' });
  expect(await client.closed).toMatchObject({ reason: 'left' });
  expect((await room()).statusCode).toBe(403);
  const again = await service.client();
  const { error } = await again.request({ type: 'join', token });
  expect(error).toMatchObject({ code: 'participant-not-found' });
  expect(await news(ben)).toEqual(['participant-left']);
});

test('whoever is sent away takes its viewers along, and a page that is loaded again does not', async () => {
  await service.joined('anna', 'host');
  const { client } = await watch('anna');
  await service.joined('anna', 'host');
  expect((await client.request({ type: 'ping' })).ok).toBe(true);
  await service.rooms.kick('default', 'studio', 'anna');
  expect((await client.told('closed')).reason).toBe('kicked');
});

test('a viewer counts neither for a room of two nor as somebody inside nor in what a meeting is told of', async () => {
  await service.asServer('PUT', '/v1/rooms/studio', { type: 'pair' });
  const anna = await service.joined('anna', 'host');
  await watch('anna');
  const ben = await service.client();
  const join = { type: 'join', token: await service.token('ben', 'host') };
  expect((await ben.request(join)).ok).toBe(true);
  await watch('anna');
  await watch('ben');
  await ben.request({ type: 'leave' });
  expect((await viewerToken(await service.token('anna', 'host'))).status).toBe(201);
  await anna.request({ type: 'leave' });
  await expect.poll(async () => (await service.eventsOf<RoomEnded>('room.ended')).length).toBe(1);
  const [meeting] = await service.eventsOf<RoomEnded>('room.ended');
  expect(meeting?.participants.map(({ userId }) => userId)).toEqual(['anna', 'ben']);
  // Nothing keeps the room.
  await expect.poll(() => service.workers.released).toEqual(['default/studio']);
});

test('the connection of a viewer is kept over a lost worker and a broken line like any other', async () => {
  const anna = await service.joined('anna', 'host');
  await anna.request(publishRequest);
  const { client, answer, token } = await watch('anna');
  await client.told('offer');
  service.workers.loseWorkerOf('default/studio');
  await anna.request({ ...publishRequest, sdp: offerSdp('9') });
  expect(await client.told('offer')).toMatchObject({ reset: true });
  await client.drop();
  const again = await service.client();
  const { result } = await again.request({ type: 'join', token, sessionId: answer.result.sessionId });
  expect(result.resumed).toBe(true);
  await again.told('offer');
});

test('its token ends with the one that it was asked for with, and is asked for by users alone', async () => {
  const own = await service.app.inject({
    method: 'POST',
    url: '/v1/tokens',
    headers: { authorization: `Basic ${Buffer.from('ak_test:a secret of sixteen letters').toString('base64')}` },
    body: { userId: 'anna', roomId: '*', role: 'host', ttlSeconds: 60 },
  });
  const { token, expiresAt } = own.json();
  expect(await viewerToken(token, 'studio')).toMatchObject({ status: 403 });
  const anna = await service.client();
  await anna.request({ type: 'join', token, roomId: 'studio' });
  expect((await viewerToken(token)).body).toMatchObject({ code: 'request-invalid', input: 'roomId' });
  expect((await viewerToken(token, 'studio')).body).toMatchObject({ expiresAt });
  expect((await service.asServer('GET', '/v1/rooms/studio')).statusCode).toBe(200);
});
