import { AircheckError } from '@aircheck/protocol';
import type { InjectOptions } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RecordingWorkers } from '../rooms/recording-workers.ts';
import { credentials, offerSdp, publishRequest, type Service, startService } from '../rooms/service.ts';

const roomKey = 'default/studio';
const idleMs = 60_000;

let service: Service<RecordingWorkers>;

beforeEach(async () => {
  service = await startService(new RecordingWorkers(), {
    iceServers: [
      { urls: ['stun:stun.example.com'] },
      {
        urls: ['turn:turn.example.com?transport=udp', 'turns:turn.example.com'],
        username: 'u"ser',
        credential: 'pa\\ss',
      },
    ],
  });
});

afterEach(() => service.close());

interface Options {
  readonly user?: string;
  readonly role?: 'host' | 'guest' | 'audience';
  readonly room?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

async function send(method: InjectOptions['method'] & string, url: string, options: Options = {}) {
  const { user = 'anna', role = 'host', room = 'studio', headers, body } = options;
  const authorization = `Bearer ${await service.token(user, role, room)}`;
  return service.app.inject({
    method: method as 'GET',
    url,
    headers: { authorization, ...headers },
    ...(body !== undefined && { body }),
  });
}

const sdp = { 'content-type': 'application/sdp' };
const post = (url: string, options: Options = {}) => send('POST', url, { headers: sdp, body: offerSdp(), ...options });

const fragment = (iceUfrag: string) =>
  [
    `a=ice-ufrag:${iceUfrag}`,
    'a=ice-pwd:aFreshPasswordOfTheClient',
    'm=audio 9 RTP/AVP 0',
    'a=mid:0',
    'a=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host',
    '',
  ].join('\r\n');

const patch = (url: string, etag: string | undefined, options: Options = {}) =>
  send('PATCH', url, {
    body: fragment('offr'),
    ...options,
    headers: {
      'content-type': 'application/trickle-ice-sdpfrag',
      ...(etag !== undefined && { 'if-match': etag }),
      ...options.headers,
    },
  });

const participants = async () => (await service.asServer('GET', '/v1/rooms/studio')).json().participants;

/** A WHIP session of anna, and the id of its peer connection. */
async function whip(options: Options = {}) {
  const response = await post('/whip/studio', options);
  expect(response.statusCode).toBe(201);
  const peerId = service.workers.bodies('publish').at(-1)?.peerId ?? '';
  return { url: String(response.headers.location), etag: String(response.headers.etag), peerId };
}

describe('a WHIP offer', () => {
  test('is answered with a session', async () => {
    const response = await post('/whip/studio');
    expect(response.statusCode).toBe(201);
    expect(response.headers['content-type']).toBe('application/sdp');
    expect(response.headers.location).toMatch(/^\/whip\/studio\/sessions\/[\w-]{20,}$/);
    expect(response.headers.etag).toBe('"pubUfrag"');
    expect(response.headers['accept-patch']).toBe('application/trickle-ice-sdpfrag');
    expect(response.headers['access-control-allow-origin']).toBe('*');
    const exposed = String(response.headers['access-control-expose-headers']).split(/, */);
    expect(exposed).toEqual(expect.arrayContaining(['Location', 'ETag', 'Link']));
    expect(response.headers.link).toEqual([
      '<stun:stun.example.com>; rel="ice-server"',
      '<turn:turn.example.com?transport=udp>; rel="ice-server"; username="u\\"ser"; credential="pa\\\\ss"; credential-type="password"',
      '<turns:turn.example.com>; rel="ice-server"; username="u\\"ser"; credential="pa\\\\ss"; credential-type="password"',
    ]);
    expect(response.body).toContain('a=ice-ufrag:pubUfrag');
  });

  test('makes its user a participant, connected once the media is', async () => {
    const ben = await service.joined('ben', 'host');
    const { peerId } = await whip();
    const { participant } = await ben.told('participant-joined');
    expect(participant).toMatchObject({ userId: 'anna', role: 'host', via: 'whip', connected: false });
    expect(participant.tracks.map(({ source }) => source)).toEqual(['microphone', 'camera']);
    service.workers.emit('peer-state', { peerId, state: 'connected' });
    expect(await ben.told('participant-updated')).toMatchObject({ participant: { connected: true } });
    expect((await ben.told('offer')).tracks).toHaveLength(2);
  });

  test('may name the picture a screen', async () => {
    await post('/whip/studio?source=screen');
    expect((await service.workers.called('publish')).tracks).toEqual([
      { mid: '0', source: 'microphone', muted: false },
      { mid: '1', source: 'screen', muted: false },
    ]);
  });

  test('to a room that cannot be is refused, and so is all else there', async () => {
    for (const room of ['studio', '*']) {
      for (const [method, url] of [
        ['POST', '/whip/my%20studio'],
        ['PATCH', '/whip/my%20studio/sessions/1'],
        ['DELETE', '/whip/my%20studio/sessions/1'],
        ['POST', '/whep/my%20studio/anna'],
      ] as const) {
        const response = await send(method, url, { room, headers: sdp, body: offerSdp() });
        expect([response.statusCode, response.json()]).toMatchObject([
          400,
          { code: 'request-invalid', input: 'path.roomId' },
        ]);
      }
    }
    expect(service.workers.calls).toEqual([]);
  });

  test('names no other source', async () => {
    expect((await post('/whip/studio?source=window')).json().code).toBe('source-invalid');
    expect(service.workers.calls).toEqual([]);
  });

  test.each([
    ['without a token', { authorization: '' }, 401, 'unauthenticated'],
    ['with a forged token', { authorization: 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA' }, 401, 'unauthenticated'],
    [
      "with the app's own key",
      { authorization: `Basic ${Buffer.from(`${credentials.key}:${credentials.secret}`).toString('base64')}` },
      403,
      'forbidden',
    ],
  ])('%s is refused', async (_name, headers, status, code) => {
    const response = await post('/whip/studio', { headers: { ...sdp, ...headers } });
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    expect(response.headers['content-type']).toContain('application/problem+json');
    expect(response.headers['access-control-allow-origin']).toBe('*');
    if (status === 401) expect(response.headers['www-authenticate']).toContain('Bearer');
  });

  test.each([
    ['for another room', { room: 'other' }, 403, 'forbidden'],
    ['of the audience', { role: 'audience' }, 404, 'room-not-found'],
    ['of a guest for a missing room', { role: 'guest' }, 404, 'room-not-found'],
    ['without a content type', { headers: {}, body: offerSdp() }, 415, 'media-type-unsupported'],
    [
      'as JSON',
      { headers: { 'content-type': 'application/json' }, body: '{"sdp":"v=0"}' },
      415,
      'media-type-unsupported',
    ],
    [
      'as a fragment',
      { headers: { 'content-type': 'application/trickle-ice-sdpfrag' }, body: offerSdp() },
      415,
      'media-type-unsupported',
    ],
    ['without a body', { headers: sdp, body: '' }, 400, 'request-body-missing'],
    ['of more than 200 KB', { headers: sdp, body: offerSdp().padEnd(200_001, 'x') }, 413, 'payload-too-large'],
    ['that is not SDP', { headers: sdp, body: 'hello' }, 400, 'sdp-invalid'],
  ] as const)('%s is refused', async (_name, options, status, code) => {
    const response = await post('/whip/studio', options);
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    expect(service.workers.calls).toEqual([]);
    const rooms = (await service.asServer('GET', '/v1/rooms')).json().items;
    expect(rooms.flatMap((room: { participants: unknown[] }) => room.participants)).toEqual([]);
  });

  test('of the audience is refused in a room that exists', async () => {
    await service.joined('ben', 'host');
    expect((await post('/whip/studio', { role: 'audience' })).json().code).toBe('forbidden');
  });

  test('with codecs that are not taken is refused by the worker, and nobody joins', async () => {
    service.workers.failures.set(
      'publish',
      new AircheckError('codec-unsupported', 'No codec fits', { hint: 'Offer H.264, VP8, VP9 or AV1, and Opus' }),
    );
    const response = await post('/whip/studio');
    expect(response.statusCode).toBe(406);
    expect(response.json().hint).toContain('H.264');
    expect(await participants()).toEqual([]);
    expect(service.workers.released).toEqual([roomKey]);
  });

  test('with a charset parameter is taken', async () => {
    expect(
      (await post('/whip/studio', { headers: { 'content-type': 'Application/SDP; charset=utf-8' } })).statusCode,
    ).toBe(201);
  });

  test('to a full room of type pair is refused', async () => {
    await service.asServer('PUT', '/v1/rooms/studio', { type: 'pair' });
    await service.joined('ben', 'host');
    await service.joined('cleo', 'host');
    expect((await post('/whip/studio')).json().code).toBe('room-full');
  });

  test('of a user who publishes already replaces the former session', async () => {
    const former = await whip();
    const later = await whip();
    expect((await send('DELETE', former.url)).json().code).toBe('session-not-found');
    await service.workers.called('closePeer', ({ peerId }) => peerId === former.peerId);
    expect(await participants()).toHaveLength(1);
    // The recording of the user goes on: leaving would end it.
    expect(service.workers.bodies('leave')).toEqual([]);
    expect((await send('DELETE', later.url)).statusCode).toBe(200);
  });

  test('of a user who joined with the SDK replaces that session', async () => {
    const client = await service.joined('anna', 'host');
    await client.request(publishRequest);
    await whip();
    expect(await client.told('closed')).toMatchObject({ reason: 'replaced' });
    expect(await participants()).toMatchObject([{ via: 'whip' }]);
  });

  test('to a room whose id is not ASCII gets a location that is', async () => {
    const response = await post(`/whip/${encodeURIComponent('演播室')}`, { room: '演播室' });
    expect(response.statusCode).toBe(201);
    const location = String(response.headers.location);
    expect(location).toMatch(/^[\x21-\x7e]+$/);
    expect((await send('DELETE', location, { room: '演播室' })).statusCode).toBe(200);
  });
});

describe('CORS', () => {
  test.each(['/whip/studio', '/whip/studio/sessions/x', '/whep/studio/anna'])(
    'a page elsewhere may ask %s',
    async (url) => {
      const response = await service.app.inject({
        method: 'OPTIONS',
        url,
        headers: { origin: 'https://example.com', 'access-control-request-method': 'PATCH' },
      });
      expect(response.statusCode).toBe(204);
      expect(response.headers['access-control-allow-origin']).toBe('*');
      const methods = String(response.headers['access-control-allow-methods']);
      for (const method of ['POST', 'PATCH', 'DELETE']) expect(methods).toContain(method);
      const headers = String(response.headers['access-control-allow-headers']);
      for (const header of ['Authorization', 'Content-Type', 'If-Match']) expect(headers).toContain(header);
    },
  );

  test('OPTIONS tells what may be posted', async () => {
    const endpoint = await service.app.inject({ method: 'OPTIONS', url: '/whip/studio' });
    expect(endpoint.statusCode).toBe(204);
    expect(endpoint.headers['accept-post']).toBe('application/sdp');
    expect(endpoint.headers.allow).toBe('OPTIONS, POST');
    const session = await service.app.inject({ method: 'OPTIONS', url: '/whip/studio/sessions/x' });
    expect(session.headers['accept-patch']).toBe('application/trickle-ice-sdpfrag');
    expect(session.headers.allow).toBe('DELETE, OPTIONS, PATCH');
  });
});

describe('a session', () => {
  test.each(['GET', 'HEAD', 'PUT', 'POST'])('does not take %s', async (method) => {
    const { url } = await whip();
    const response = await send(method, url);
    expect(response.statusCode).toBe(405);
    expect(response.headers.allow).toBe('OPTIONS, PATCH, DELETE');
  });

  test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])('its endpoint does not take %s', async (method) => {
    const response = await send(method, '/whip/studio');
    expect(response.statusCode).toBe(405);
    expect(response.headers.allow).toBe('OPTIONS, POST');
  });

  test('takes candidates, which it does not need', async () => {
    const { url, etag } = await whip();
    const response = await patch(url, etag);
    expect([response.statusCode, response.body]).toEqual([204, '']);
    expect(service.workers.bodies('restartIce')).toEqual([]);
  });

  test.each(['*', '"*"'])('restarts ICE with If-Match %s', async (condition) => {
    const { url, etag, peerId } = await whip();
    const response = await patch(url, condition, { body: fragment('fresh') });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('application/trickle-ice-sdpfrag');
    expect(response.headers.etag).toBe('"restarted1"');
    expect(response.body).toBe(
      [
        'a=ice-lite',
        'a=ice-options:trickle ice2',
        'm=audio 9 RTP/AVP 0',
        'a=mid:0',
        'a=ice-ufrag:restarted1',
        'a=ice-pwd:restartedPassword12345678',
        'a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host',
        'a=end-of-candidates',
        '',
      ].join('\r\n'),
    );
    expect(service.workers.bodies('restartIce')).toEqual([
      { peerId, iceUfrag: 'fresh', icePwd: 'aFreshPasswordOfTheClient' },
    ]);
    expect((await patch(url, etag, { body: fragment('fresh') })).statusCode).toBe(412);
    expect((await patch(url, '"restarted1"', { body: fragment('fresh') })).statusCode).toBe(204);
  });

  test.each([
    ['without If-Match', undefined, {}, 428, 'precondition-required'],
    ['with the tag of another ICE session', '"other"', {}, 412, 'revision-mismatch'],
    ['as JSON', '*', { headers: { 'content-type': 'application/json' } }, 415, 'media-type-unsupported'],
    ['as a whole description', '*', { headers: sdp }, 415, 'media-type-unsupported'],
    ['that is not SDP', '*', { body: 'hello' }, 400, 'sdp-invalid'],
    ['without a body', '*', { body: '' }, 400, 'request-body-missing'],
    ['with half of the credentials', '*', { body: 'a=ice-ufrag:fresh\r\n' }, 400, 'sdp-invalid'],
    ['with credentials that ICE does not allow', '*', { body: fragment('"><script>') }, 400, 'sdp-invalid'],
    ["of another user's", '*', { user: 'mallory' }, 403, 'forbidden'],
    ['from another room', '*', { room: 'other' }, 403, 'forbidden'],
  ] as const)('refuses a PATCH %s', async (_name, condition, options, status, code) => {
    const { url } = await whip();
    const response = await patch(url, condition, options);
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
    expect(service.workers.bodies('restartIce')).toEqual([]);
  });

  test('whose connection failed for good restarts no ICE, but may be followed by another', async () => {
    const { url, peerId } = await whip();
    service.workers.emit('peer-state', { peerId, state: 'connected' });
    service.workers.emit('peer-state', { peerId, state: 'failed' });
    expect((await patch(url, '*', { body: fragment('fresh') })).json().code).toBe('session-not-found');
    expect(service.workers.bodies('restartIce')).toEqual([]);
    await whip();
    expect(service.workers.bodies('leave')).toEqual([]);
  });

  test('that is unknown is not found', async () => {
    await whip();
    const url = '/whip/studio/sessions/AAAAAAAAAAAAAAAAAAAAAA';
    expect((await patch(url, '*')).json().code).toBe('session-not-found');
    expect((await send('DELETE', url)).statusCode).toBe(404);
    expect((await service.app.inject({ method: 'DELETE', url })).statusCode).toBe(401);
  });

  test('ends with DELETE: its participant leaves', async () => {
    const ben = await service.joined('ben', 'host');
    const { url } = await whip();
    expect((await send('DELETE', url, { user: 'mallory' })).statusCode).toBe(403);
    expect((await send('DELETE', url)).statusCode).toBe(200);
    await ben.told('participant-left', ({ userId }) => userId === 'anna');
    expect(await service.workers.called('leave')).toEqual({ roomKey, userId: 'anna' });
    expect((await send('DELETE', url)).statusCode).toBe(404);
  });

  test('is not reached by the URL of the sister protocol', async () => {
    const { url } = await whip();
    const id = url.split('/').at(-1);
    expect((await send('DELETE', `/whep/studio/anna/sessions/${id}`)).statusCode).toBe(404);
  });

  test.each(['disconnected', 'failed', 'closed'] as const)(
    'whose connection is %s ends after the idle time',
    async (state) => {
      const { url, peerId } = await whip();
      service.workers.emit('peer-state', { peerId, state: 'connected' });
      service.workers.emit('peer-state', { peerId, state });
      expect(await participants()).toMatchObject([{ connected: false }]);
      service.timers.advance(idleMs - 1);
      expect(await participants()).toHaveLength(1);
      service.timers.advance(1);
      expect(await participants()).toEqual([]);
      expect((await send('DELETE', url)).statusCode).toBe(404);
    },
  );

  test('whose connection recovers within the idle time goes on', async () => {
    const { peerId } = await whip();
    service.workers.emit('peer-state', { peerId, state: 'connected' });
    service.timers.advance(idleMs * 2);
    service.workers.emit('peer-state', { peerId, state: 'disconnected' });
    service.timers.advance(idleMs - 1);
    service.workers.emit('peer-state', { peerId, state: 'connected' });
    service.timers.advance(idleMs * 2);
    expect(await participants()).toMatchObject([{ connected: true }]);
  });

  test('that never connects ends after the idle time', async () => {
    await whip();
    service.timers.advance(idleMs);
    expect(await participants()).toEqual([]);
  });

  test('ends when the media worker is lost', async () => {
    const { url } = await whip();
    service.workers.loseWorkerOf(roomKey);
    expect((await send('DELETE', url)).statusCode).toBe(404);
    expect(await participants()).toEqual([]);
  });

  test('ends with its room', async () => {
    const { url } = await whip();
    await service.asServer('DELETE', '/v1/rooms/studio');
    expect((await send('DELETE', url)).statusCode).toBe(404);
  });
});

describe('WHEP', () => {
  const view = (options: Options = {}, query = '') =>
    post(`/whep/studio/anna${query}`, { user: 'vera', role: 'audience', ...options });

  test("offers of any role are answered with a participant's camera and microphone", async () => {
    await whip();
    const response = await view();
    expect(response.statusCode).toBe(201);
    expect(response.headers['content-type']).toBe('application/sdp');
    expect(response.headers.location).toMatch(/^\/whep\/studio\/anna\/sessions\/[\w-]{20,}$/);
    expect(response.headers.etag).toBe('"viewUfrag"');
    expect(response.headers.link).toHaveLength(3);
    expect((await service.workers.called('view')).trackIds).toEqual(['anna-camera', 'anna-microphone']);
    expect(await participants()).toHaveLength(1);
  });

  test('a screen is watched by its name', async () => {
    await whip();
    expect((await view({}, '?source=screen')).json().code).toBe('track-not-found');
    await post('/whip/studio?source=screen');
    expect((await view({}, '?source=screen')).statusCode).toBe(201);
    expect((await service.workers.called('view')).trackIds).toEqual(['anna-screen', 'anna-microphone']);
  });

  test('needs a room, a participant, and something published', async () => {
    expect((await view()).json()).toMatchObject({ code: 'room-not-found', vendorCode: 30000403 });
    await service.asServer('PUT', '/v1/rooms/studio', {});
    expect((await view()).json()).toMatchObject({ code: 'participant-not-found', vendorCode: 30000411 });
    const anna = await service.joined('anna', 'host');
    expect((await view()).json()).toMatchObject({ code: 'track-not-found', status: 404 });
    await anna.request(publishRequest);
    expect((await view({ room: 'other' })).statusCode).toBe(403);
    expect((await view({ headers: {} })).statusCode).toBe(415);
    expect((await view({ body: 'hello' })).json().code).toBe('sdp-invalid');
    expect((await view()).statusCode).toBe(201);
  });

  test('its session takes PATCH and DELETE', async () => {
    await whip();
    const { headers } = await view();
    const url = String(headers.location);
    const vera: Options = { user: 'vera', role: 'audience' };
    expect((await patch(url, String(headers.etag), vera)).statusCode).toBe(204);
    expect((await patch(url, '"*"', { ...vera, body: fragment('fresh') })).statusCode).toBe(200);
    expect((await send('DELETE', url)).statusCode).toBe(403);
    expect((await send('DELETE', url, vera)).statusCode).toBe(200);
    const { peerId } = await service.workers.called('view');
    expect(await service.workers.called('closePeer')).toEqual({ peerId });
    expect((await send('DELETE', url, vera)).statusCode).toBe(404);
  });

  test.each<[string, (peerId: string, annaUrl: string) => Promise<unknown>]>([
    ['the participant leaves', (_peerId, annaUrl) => send('DELETE', annaUrl)],
    ['the participant publishes other tracks', () => post('/whip/studio?source=screen')],
    ['the room is deleted', () => service.asServer('DELETE', '/v1/rooms/studio')],
    ['the worker is lost', async () => service.workers.loseWorkerOf(roomKey)],
    [
      'its connection fails, or the player closes it',
      async (peerId) => service.workers.emit('peer-state', { peerId, state: 'failed' }),
    ],
    [
      'the connection stays away for the idle time',
      async (peerId) => {
        service.workers.emit('peer-state', { peerId, state: 'connected' });
        service.workers.emit('peer-state', { peerId, state: 'disconnected' });
        service.timers.advance(idleMs);
      },
    ],
    ['the connection never comes', async () => service.timers.advance(idleMs)],
  ])('its session ends when %s', async (_name, happens) => {
    const { url: annaUrl, peerId: annaPeerId } = await whip();
    service.workers.emit('peer-state', { peerId: annaPeerId, state: 'connected' });
    const { headers } = await view();
    const { peerId } = await service.workers.called('view');
    await happens(peerId, annaUrl);
    await service.workers.called('closePeer', (body) => body.peerId === peerId);
    const gone = await send('DELETE', String(headers.location), { user: 'vera', role: 'audience' });
    expect(gone.statusCode).toBe(404);
  });

  test('viewers count as persons in a room of type pair', async () => {
    await service.asServer('PUT', '/v1/rooms/studio', { type: 'pair' });
    await whip();
    expect((await view()).statusCode).toBe(201);
    expect((await view({ user: 'victor' })).json().code).toBe('room-full');
    expect((await view()).statusCode).toBe(201);
  });
});
