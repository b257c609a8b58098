import { AircheckError, type Role } from '@aircheck/protocol';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RecordingWorkers } from './recording-workers.ts';
import { offerSdp, publishRequest, type Service, startService } from './service.ts';

const idleMs = 60_000;
const roomKey = 'default/studio';

let service: Service<RecordingWorkers>;

beforeEach(async () => {
  service = await startService(new RecordingWorkers(), { iceServers: [{ urls: ['stun:stun.example.com'] }] });
});

afterEach(() => service.close());

const join = async (userId: string, role: 'host' | 'guest' | 'audience', options: object = {}) => {
  const client = await service.client();
  const answer = await client.request({ type: 'join', token: await service.token(userId, role), ...options });
  return { client, answer };
};

const participants = () => service.asServer('GET', '/v1/rooms/studio').then((response) => response.json().participants);

describe('joining', () => {
  test('makes a missing room for a host', async () => {
    const { answer } = await join('anna', 'host');
    expect(answer.result).toMatchObject({
      resumed: false,
      roomId: 'studio',
      roomType: 'multi',
      self: { userId: 'anna', role: 'host', via: 'sdk', connected: true, tracks: [] },
      participants: [],
      recordings: [],
      iceServers: [{ urls: ['stun:stun.example.com'] }],
    });
    expect((await service.asServer('GET', '/v1/rooms/studio')).statusCode).toBe(200);
  });

  test.each(['guest', 'audience'] as const)('a missing room is refused to a %s', async (role) => {
    const { answer } = await join('ben', role);
    expect(answer.error).toMatchObject({ code: 'room-not-found', vendorCode: 30000403 });
    expect((await service.asServer('GET', '/v1/rooms/studio')).statusCode).toBe(404);
  });

  test('by two hosts at once makes one room', async () => {
    const [first, second] = await Promise.all([join('anna', 'host'), join('ben', 'host')]);
    expect([first.answer.ok, second.answer.ok]).toEqual([true, true]);
    expect(await participants()).toHaveLength(2);
  });

  test('is told to the others, who are told to the newcomer', async () => {
    const { client: anna } = await join('anna', 'host');
    const { answer } = await join('ben', 'guest');
    expect(answer.result.participants).toMatchObject([{ userId: 'anna' }]);
    expect(await anna.told('participant-joined')).toMatchObject({ participant: { userId: 'ben', role: 'guest' } });
  });

  test('a third person is refused by a room of type pair', async () => {
    await service.asServer('PUT', '/v1/rooms/studio', { type: 'pair' });
    await join('anna', 'host');
    const { client: ben } = await join('ben', 'guest');
    expect((await join('cleo', 'audience')).answer.error.code).toBe('room-full');
    await ben.request({ type: 'leave' });
    expect((await join('cleo', 'audience')).answer.ok).toBe(true);
  });

  test('again from elsewhere replaces the former session', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: former, answer } = await join('anna', 'host');
    await former.request(publishRequest);
    const { peerId } = await service.workers.called('publish');
    const { answer: later } = await join('anna', 'host');
    expect(await former.told('closed')).toEqual({ type: 'closed', reason: 'replaced' });
    await former.closed;
    expect(later.result).toMatchObject({ resumed: false, self: { tracks: [] } });
    expect(later.result.sessionId).not.toBe(answer.result.sessionId);
    await service.workers.called('closePeer', (body) => body.peerId === peerId);
    // The user has not left: a recording goes on with what is published next.
    expect(service.workers.bodies('leave')).toEqual([]);
    await ben.told('participant-updated', ({ participant }) => participant.tracks.length === 0);
    expect(await participants()).toHaveLength(2);
  });
});

describe('a lost signaling connection', () => {
  test('keeps the place, and resuming takes it again with its tracks', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: anna, answer } = await join('anna', 'host');
    await anna.request(publishRequest);
    await anna.drop();
    await ben.told('participant-updated', ({ participant }) => !participant.connected);
    service.timers.advance(25_000);
    const { client: again, answer: resumed } = await join('anna', 'host', { sessionId: answer.result.sessionId });
    expect(resumed.result).toMatchObject({
      resumed: true,
      sessionId: answer.result.sessionId,
      self: { connected: true, tracks: [{ source: 'microphone' }, { source: 'camera' }] },
      participants: [{ userId: 'ben' }],
    });
    await ben.told('participant-updated', ({ participant }) => participant.connected);
    // The old peer connection goes on: an offer of it is no new one.
    await again.request({ ...publishRequest, sdp: offerSdp('4711', 2) });
    const [first, second] = service.workers.bodies('publish');
    expect(second?.peerId).toBe(first?.peerId);
    expect(service.workers.bodies('closePeer')).not.toContainEqual({ peerId: first?.peerId });
  });

  test.each([
    ['leaves for good', false, ['leave', 'leave']],
    ['is back with a new session', true, ['closePeer']],
  ] as const)(
    'while the worker takes an offer: what it took is ended when the participant %s',
    async (_, back, ended) => {
      const { client: ben } = await join('ben', 'host');
      const { client: anna } = await join('anna', 'host');
      const gate = Promise.withResolvers<void>();
      service.workers.gates.set('publish', gate.promise);
      anna.send(JSON.stringify({ id: 99, ...publishRequest }));
      const { peerId } = await service.workers.called('publish');
      if (back) await join('anna', 'host');
      else {
        await anna.drop();
        await ben.told('participant-updated', ({ participant }) => !participant.connected);
        for (let passedMs = 0; passedMs < idleMs; passedMs += 20_000) {
          service.timers.advance(20_000);
          await ben.request({ type: 'ping' });
        }
        await ben.told('participant-left');
      }
      gate.resolve();
      const endings = () => service.workers.calls.filter(({ name }) => name === 'closePeer' || name === 'leave');
      await expect.poll(() => endings().map(({ name }) => name)).toEqual(ended);
      const last = endings().at(-1)!.body;
      expect(last).toEqual(back ? { peerId } : { roomKey, userId: 'anna' });
    },
  );

  test('ends the place after the idle time', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: anna, answer } = await join('anna', 'host');
    await anna.drop();
    await ben.told('participant-updated', ({ participant }) => !participant.connected);
    service.timers.advance(25_000);
    await ben.request({ type: 'ping' });
    service.timers.advance(25_000);
    await ben.request({ type: 'ping' });
    service.timers.advance(9_999);
    expect(service.workers.bodies('leave')).toEqual([]);
    service.timers.advance(1);
    expect(await ben.told('participant-left')).toMatchObject({ userId: 'anna' });
    expect(await service.workers.called('leave')).toEqual({ roomKey, userId: 'anna' });
    const { answer: late } = await join('anna', 'host', { sessionId: answer.result.sessionId });
    expect(late.result.resumed).toBe(false);
  });

  test("is not resumed with somebody else's session", async () => {
    const { answer } = await join('anna', 'host');
    const { answer: thief } = await join('ben', 'host', { sessionId: answer.result.sessionId });
    expect(thief.result).toMatchObject({ resumed: false, self: { userId: 'ben' } });
    expect(await participants()).toMatchObject([{ connected: true }, { connected: true }]);
  });

  test('is not resumed with another role', async () => {
    const { answer } = await join('anna', 'host');
    const { answer: demoted } = await join('anna', 'audience', { sessionId: answer.result.sessionId });
    expect(demoted.result).toMatchObject({ resumed: false, self: { role: 'audience' } });
  });

  test('that the server has not noticed yet gives way to its successor', async () => {
    const { client: stale, answer } = await join('anna', 'host');
    const { client, answer: resumed } = await join('anna', 'host', { sessionId: answer.result.sessionId });
    expect(resumed.result.resumed).toBe(true);
    await stale.closed;
    expect(stale.notifications).toEqual([]);
    service.timers.advance(25_000);
    await client.request({ type: 'ping' });
    expect(await participants()).toMatchObject([{ userId: 'anna', connected: true }]);
  });
});

describe('publishing', () => {
  test('is answered, and told to the others', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: anna } = await join('anna', 'guest');
    const answer = await anna.request(publishRequest);
    expect(answer.result.sdp).toContain('a=ice-lite');
    expect(answer.result.tracks).toEqual([
      { mid: '0', trackId: 'anna-microphone', source: 'microphone', kind: 'audio', codec: 'opus', muted: false },
      { mid: '1', trackId: 'anna-camera', source: 'camera', kind: 'video', codec: 'h264', muted: false },
    ]);
    for (const client of [ben, anna]) {
      const { participant } = await client.told('participant-updated');
      expect(participant.tracks.map(({ trackId }) => trackId)).toEqual(['anna-microphone', 'anna-camera']);
    }
  });

  test('is forbidden to the audience', async () => {
    await join('anna', 'host');
    const { client } = await join('ben', 'audience');
    expect((await client.request(publishRequest)).error.code).toBe('forbidden');
    expect(service.workers.bodies('publish')).toEqual([]);
  });

  test.each(['', 'hello', 'v=0', '{"type":"offer"}', 'v=0\r\no=- x 1 IN IP4 0.0.0.0\r\n'])(
    'SDP that is no SDP (%j) is refused',
    async (sdp) => {
      const { client } = await join('anna', 'host');
      expect((await client.request({ ...publishRequest, sdp })).error.code).toBe('sdp-invalid');
      expect(service.workers.bodies('publish')).toEqual([]);
    },
  );

  test('from a new peer connection replaces the former one', async () => {
    const { client } = await join('anna', 'host');
    await client.request(publishRequest);
    await client.request({ ...publishRequest, sdp: offerSdp('4712') });
    const [first, second] = service.workers.bodies('publish');
    expect(second?.peerId).not.toBe(first?.peerId);
  });

  test('that the worker refuses leaves what was published', async () => {
    const { client } = await join('anna', 'host');
    await client.request(publishRequest);
    service.workers.failures.set('publish', new AircheckError('codec-unsupported', 'Theora is not taken'));
    const answer = await client.request({ ...publishRequest, sdp: offerSdp('4712') });
    expect(answer.error).toMatchObject({ code: 'codec-unsupported', detail: 'Theora is not taken' });
    expect(await participants()).toMatchObject([{ connected: true, tracks: [{}, {}] }]);
    // The connection that was refused has no say in whether the participant is there.
    const [first, refused] = service.workers.bodies('publish');
    service.workers.emit('peer-state', { peerId: refused?.peerId ?? '', state: 'failed' });
    expect(await participants()).toMatchObject([{ connected: true }]);
    service.workers.emit('peer-state', { peerId: first?.peerId ?? '', state: 'failed' });
    expect(await participants()).toMatchObject([{ connected: false }]);
  });

  test('can be muted by the one who publishes', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: anna } = await join('anna', 'host');
    await anna.request(publishRequest);
    expect((await anna.request({ type: 'mute', trackId: 'anna-microphone', muted: true })).ok).toBe(true);
    await ben.told('participant-updated', ({ participant }) => participant.tracks[0]?.muted === true);
    expect((await ben.request({ type: 'mute', trackId: 'anna-microphone', muted: false })).error.code).toBe(
      'track-not-found',
    );
    expect(service.workers.bodies('mute')).toHaveLength(1);
  });

  test('a codec that the worker learns is told', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: anna } = await join('anna', 'host');
    await anna.request(publishRequest);
    service.workers.emit('track-updated', {
      roomKey,
      userId: 'anna',
      track: { trackId: 'anna-camera', kind: 'video', source: 'camera', codec: 'vp9', muted: false },
    });
    await ben.told('participant-updated', ({ participant }) => participant.tracks[1]?.codec === 'vp9');
  });

  test('over a connection that fails asks the client for a new one, and is forgotten after the idle time', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: anna } = await join('anna', 'host');
    await anna.request(publishRequest);
    const { peerId } = await service.workers.called('publish');
    service.workers.emit('peer-state', { peerId, state: 'failed' });
    service.timers.advance(1_000);
    await anna.told('republish');
    await ben.told('participant-updated', ({ participant }) => !participant.connected);
    for (let waitedMs = 0; waitedMs < idleMs; waitedMs += 20_000) {
      await Promise.all([anna.request({ type: 'ping' }), ben.request({ type: 'ping' })]);
      service.timers.advance(20_000);
    }
    await ben.told(
      'participant-updated',
      ({ participant }) => participant.connected && participant.tracks.length === 0,
    );
    await service.workers.called('closePeer', (body) => body.peerId === peerId);
    expect(service.workers.bodies('leave')).toEqual([]);
  });

  test('over a new connection that the client made by itself asks for no other', async () => {
    const { client: anna } = await join('anna', 'host');
    await anna.request(publishRequest);
    const { peerId } = await service.workers.called('publish');
    service.workers.emit('peer-state', { peerId, state: 'failed' });
    await anna.request({ ...publishRequest, sdp: offerSdp('4712') });
    service.timers.advance(1_000);
    await anna.request({ type: 'ping' });
    expect(anna.notifications.filter(({ type }) => type === 'republish')).toEqual([]);
    expect(await participants()).toMatchObject([{ connected: true }]);
  });

  test('again over a connection that failed takes a new one', async () => {
    const { client: anna } = await join('anna', 'host');
    await anna.request(publishRequest);
    const { peerId } = await service.workers.called('publish');
    service.workers.emit('peer-state', { peerId, state: 'failed' });
    await anna.request({ ...publishRequest, sdp: offerSdp('4711', 2) });
    expect(service.workers.bodies('publish')[1]?.peerId).not.toBe(peerId);
  });

  test('over a connection that recovers goes on', async () => {
    const { client: anna } = await join('anna', 'host');
    await anna.request(publishRequest);
    const { peerId } = await service.workers.called('publish');
    service.workers.emit('peer-state', { peerId, state: 'disconnected' });
    expect(await participants()).toMatchObject([{ connected: false }]);
    service.workers.emit('peer-state', { peerId, state: 'connected' });
    expect(await participants()).toMatchObject([{ connected: true, tracks: [{}, {}] }]);
    service.timers.advance(1_000);
    await anna.request({ type: 'ping' });
    expect(anna.notifications.filter(({ type }) => type === 'republish')).toEqual([]);
  });
});

describe('leaving', () => {
  test('is told to the others and to the worker, and gives up the room when nobody is left', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: anna } = await join('anna', 'host');
    expect((await anna.request({ type: 'leave' })).ok).toBe(true);
    expect(await anna.told('closed')).toEqual({ type: 'closed', reason: 'left' });
    expect((await anna.closed).code).toBe(1000);
    await ben.told('participant-left', ({ userId }) => userId === 'anna');
    expect(service.workers.released).toEqual([]);
    await ben.request({ type: 'leave' });
    await ben.closed;
    await expect.poll(() => service.workers.released).toEqual([roomKey]);
    expect(service.workers.bodies('leave').map(({ userId }) => userId)).toEqual(['anna', 'ben']);
    expect((await service.asServer('GET', '/v1/rooms/studio')).json().participants).toEqual([]);
  });
});

describe('a lost media worker', () => {
  test('makes clients publish again', async () => {
    const { client: ben } = await join('ben', 'host');
    const { client: anna, answer } = await join('anna', 'host');
    await anna.request(publishRequest);
    await ben.told('participant-updated');
    service.workers.loseWorkerOf(roomKey);
    await anna.told('republish');
    await ben.told('participant-updated', ({ participant }) => participant.tracks.length === 0);
    await anna.request({ ...publishRequest, sdp: offerSdp('4711', 2) });
    const [first, second] = service.workers.bodies('publish');
    expect(second?.peerId).not.toBe(first?.peerId);
    expect(ben.notifications.filter(({ type }) => type === 'republish')).toEqual([]);

    await anna.drop();
    await ben.told('participant-updated', ({ participant }) => !participant.connected);
    service.workers.loseWorkerOf(roomKey);
    const { client: resumed } = await join('anna', 'host', { sessionId: answer.result.sessionId });
    await resumed.told('republish');
  });
});

describe('the room as a resource', () => {
  test('is made, listed, read and deleted by the server', async () => {
    expect((await service.asServer('PUT', '/v1/rooms/studio', { type: 'pair' })).json()).toMatchObject({
      roomId: 'studio',
      type: 'pair',
      participants: [],
      recordings: [],
    });
    expect((await service.asServer('PUT', '/v1/rooms/studio', { type: 'pair' })).statusCode).toBe(200);
    const conflict = await service.asServer('PUT', '/v1/rooms/studio', { type: 'multi' });
    expect([conflict.statusCode, conflict.json().code]).toEqual([409, 'room-type']);
    await service.asServer('PUT', '/v1/rooms/文化廣播-2', {});
    const rooms = (await service.asServer('GET', '/v1/rooms')).json().items;
    expect(rooms.map(({ roomId, type }: { roomId: string; type: string }) => [roomId, type])).toEqual([
      ['文化廣播-2', 'multi'],
      ['studio', 'pair'],
    ]);
    const page = (await service.asServer('GET', '/v1/rooms?limit=1')).json();
    expect(page.items).toHaveLength(1);
    const next = (await service.asServer('GET', `/v1/rooms?limit=1&cursor=${page.nextCursor}`)).json();
    expect([next.items[0].roomId, next.nextCursor]).toEqual(['studio', null]);
    expect((await service.asServer('DELETE', '/v1/rooms/studio')).statusCode).toBe(204);
    const gone = await service.asServer('DELETE', '/v1/rooms/studio');
    expect([gone.statusCode, gone.json().code]).toEqual([404, 'room-not-found']);
  });

  test.each(['/v1/rooms/a%2Fb', `/v1/rooms/${'x'.repeat(129)}`, '/v1/rooms/a%20b', '/v1/rooms/a%00b'])(
    'an id such as %s is refused',
    async (url) => {
      expect((await service.asServer('PUT', url, {})).statusCode).toBeGreaterThanOrEqual(400);
      expect((await service.asServer('GET', '/v1/rooms')).json().items).toEqual([]);
    },
  );

  test('is shown to its own users only, who may make it as hosts and else change nothing', async () => {
    await service.joined('anna', 'host');
    const as = async (method: 'GET' | 'PUT' | 'DELETE', url: string, roomId: string, role: Role = 'host') => {
      const authorization = `Bearer ${await service.token('anna', role, roomId)}`;
      const body = method === 'PUT' ? { body: {} } : {};
      return (await service.app.inject({ method, url, headers: { authorization }, ...body })).statusCode;
    };
    expect(await as('GET', '/v1/rooms/studio', 'studio')).toBe(200);
    expect(await as('GET', '/v1/rooms/studio', 'other')).toBe(403);
    expect(await as('GET', '/v1/rooms', 'studio')).toBe(403);
    expect(await as('PUT', '/v1/rooms/studio', 'other')).toBe(403);
    expect(await as('PUT', '/v1/rooms/studio', 'studio')).toBe(200);
    expect(await as('PUT', '/v1/rooms/studio', 'studio', 'guest')).toBe(403);
    expect(await as('DELETE', '/v1/rooms/studio', 'studio')).toBe(403);
    expect((await service.app.inject('/v1/rooms')).statusCode).toBe(401);
  });

  test('sends everyone away when it is deleted', async () => {
    const { client } = await join('anna', 'host');
    await service.asServer('DELETE', '/v1/rooms/studio');
    expect(await client.told('closed')).toEqual({ type: 'closed', reason: 'room-closed' });
    await client.closed;
    expect(service.workers.bodies('closeRoom')).toEqual([{ roomKey }]);
    expect(service.workers.released).toEqual([roomKey]);
    expect((await join('ben', 'guest')).answer.error.code).toBe('room-not-found');
  });

  test('is deleted even when its worker is gone', async () => {
    await join('anna', 'host');
    service.workers.failures.set('closeRoom', new AircheckError('worker-lost', 'The worker is gone'));
    expect((await service.asServer('DELETE', '/v1/rooms/studio')).statusCode).toBe(204);
  });
});

test('a notification of a recording reaches everyone in the room', async () => {
  const { client: anna } = await join('anna', 'host');
  const { client: ben } = await join('ben', 'audience');
  service.rooms.broadcast('default', 'studio', { type: 'recording', recording: { recordingId: 'r1' } as never });
  await Promise.all([anna.told('recording'), ben.told('recording')]);
});

test('closing sends everyone away, and takes nobody in', async () => {
  const { client } = await join('anna', 'host');
  const waiting = await service.client();
  service.rooms.close();
  expect(await client.told('closed')).toEqual({ type: 'closed', reason: 'draining' });
  const answer = await waiting.request({ type: 'join', token: await service.token('ben', 'host') });
  expect(answer.error.code).toBe('draining');
});
