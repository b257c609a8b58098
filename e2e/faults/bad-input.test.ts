import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningServer, startServer } from '@aircheck/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentOf, publish, record, sentFor, temporaryFolder } from '../support.ts';

const dataFolder = temporaryFolder();
let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ dataFolder });
});
afterAll(() => server.stop());

/** The first offer of a Chromium that publishes camera and microphone. */
const offer = readFileSync(
  new URL('../../packages/server/tests/sfu/fixtures/chromium-publish.sdp', import.meta.url),
  'utf8',
);

/** An access token signed by whoever has a secret. */
function signed(secret: string, claims: object, header: object = { alg: 'HS256', kid: server.apiKey }): string {
  const encoded = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${encoded}.${createHmac('sha256', secret).update(encoded).digest('base64url')}`;
}

async function post(path: string, token: string, sdp: string) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
    body: sdp,
  });
  const type = response.headers.get('content-type');
  const problem = type?.startsWith('application/problem+json') ? await response.json() : undefined;
  return { status: response.status, code: problem?.code as unknown, text: JSON.stringify(problem) };
}

describe('a token', () => {
  const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
  const claims = () => ({ sub: 'mallory', room: 'guarded', role: 'host', exp: inAnHour() });
  const tokens: [string, () => string, number, string][] = [
    ['that is none', () => 'hello', 401, 'unauthenticated'],
    ['signed with another secret', () => signed('not the secret of the app', claims()), 401, 'unauthenticated'],
    [
      'without a signature',
      () => `${signed('', claims(), { alg: 'none' }).replace(/[^.]*$/, '')}`,
      401,
      'unauthenticated',
    ],
    [
      'of another app',
      () => signed(server.apiSecret, claims(), { alg: 'HS256', kid: 'ak_other' }),
      401,
      'unauthenticated',
    ],
    ['without an end', () => signed(server.apiSecret, { ...claims(), exp: undefined }), 401, 'unauthenticated'],
    ['that has expired', () => signed(server.apiSecret, { ...claims(), exp: inAnHour() - 3601 }), 401, 'token-expired'],
    ['for another room', () => signed(server.apiSecret, { ...claims(), room: 'other' }), 403, 'forbidden'],
  ];

  it.each(tokens)('%s opens nothing', async (_name, token, status, code) => {
    const refused = { status, code };
    expect(await post('/whip/guarded', token(), offer)).toMatchObject(refused);
    expect(await post('/whep/guarded/ann', token(), offer)).toMatchObject(refused);
    for (const [method, path] of [
      ['GET', '/v1/rooms/guarded'],
      ['POST', '/v1/rooms/guarded/recordings'],
    ] as const) {
      const response = await fetch(`${server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token()}`, 'content-type': 'application/json' },
        ...(method === 'POST' && { body: JSON.stringify({ userId: 'ann', fileName: 'x' }) }),
      });
      expect([path, response.status, (await response.json()).code]).toEqual([path, status, code]);
    }
    const { items } = await server.api.listRooms();
    expect(items.filter(({ roomId }) => roomId === 'guarded')).toEqual([]);
  });
});

describe('an offer', () => {
  const onlyCodecs = (audio: string, video: string) =>
    offer
      .replace(/^m=audio .*$/m, 'm=audio 9 UDP/TLS/RTP/SAVPF 9')
      .replace(/^m=video .*$/m, 'm=video 9 UDP/TLS/RTP/SAVPF 98')
      .replace(/^a=(rtpmap|fmtp|rtcp-fb):.*\r?\n/gm, '')
      .replace(/^(m=audio .*)$/m, `$1\r\na=rtpmap:9 ${audio}`)
      .replace(/^(m=video .*)$/m, `$1\r\na=rtpmap:98 ${video}`);

  it.each([
    ['is not SDP', 'hello', 400, 'sdp-invalid', /./],
    ['is nothing', '', 400, 'request-body-missing', /./],
    ['is binary', '\0\u0001\u0002'.repeat(1000), 400, 'sdp-invalid', /./],
    ['has neither sound nor picture', offer.slice(0, offer.indexOf('m=audio')), 400, 'sdp-invalid', /./],
    ['has no codec that we take', onlyCodecs('G722/8000', 'H265/90000'), 406, 'codec-unsupported', /H\.?264.*opus/i],
    ['is too long', `${offer}${'a=x\r\n'.repeat(300_000)}`, 413, 'payload-too-large', /./],
  ])('that %s is refused, and nobody is in the room', async (_name, sdp, status, code, says) => {
    await server.api.putRoom('offers');
    const answer = await post('/whip/offers', await server.token('ann', 'offers'), sdp);
    expect(answer).toMatchObject({ status, code });
    expect(answer.text).toMatch(says);
    expect((await server.api.getRoom('offers')).participants).toEqual([]);
  });

  it('of sound alone, or of a picture alone, is taken', async () => {
    for (const kind of ['audio', 'video'] as const) {
      await publish(server, `only-${kind}`, 'ann', { tracks: [kind] });
      const { participants } = await server.api.getRoom(`only-${kind}`);
      expect(participants[0]!.tracks.map((track) => track.kind)).toEqual([kind]);
    }
  });

  it('to watch who is not there, or what is not sent, is refused', async () => {
    await publish(server, 'watched', 'ann', { tracks: ['audio'] });
    const watch = async (room: string, path: string) =>
      post(`/whep/${room}/${path}`, await server.token('vera', room, 'audience'), offer);
    expect(await watch('nowhere', 'ann')).toMatchObject({ status: 404, code: 'room-not-found' });
    expect(await watch('watched', 'bob')).toMatchObject({ status: 404, code: 'participant-not-found' });
    expect(await watch('watched', 'ann?source=screen')).toMatchObject({ status: 404, code: 'track-not-found' });
  });
});

describe('a file name', () => {
  it.each([
    ['path parts', '../../../../tmp/aircheck-escaped.mp4'],
    ['an absolute path', '/tmp/aircheck-escaped.mp4'],
    ['control characters', 'a\r\nSet-Cookie: x=1\u0007\u001b[31m'],
    ['emoji and quotes', '🎬 课程 "①" \'%2e%2e\'; filename=x'],
    ['a thousand characters', '长'.repeat(1000)],
  ])('with %s is kept as a name, and used as no path', async (_what, fileName) => {
    const roomId = 'names';
    const publisher = await publish(server, roomId, 'ann');
    const { recordingId } = await record(server, roomId, { userId: 'ann', fileName });
    await sentFor(publisher, 1);
    const { fileIds, state } = await server.api.stopRecording(recordingId);
    expect(state).toBe('ready');
    const fileId = fileIds[0]!;
    expect((await server.api.getAsset(fileId)).fileName).toBe(fileName);
    const query = `?fileNamePrefix=${encodeURIComponent(fileName.slice(0, 900))}`;
    expect((await server.api.listAssets(query)).items.map((asset) => asset.fileId)).toEqual([fileId]);
    // On the disk it has the name of its ids.
    expect(readdirSync(join(dataFolder, 'recordings', recordingId))).toEqual([`0000-${fileId}.mp4`]);
    expect(readdirSync('/tmp').filter((name) => name.includes('aircheck-escaped'))).toEqual([]);

    const { mp4 } = await server.api.playUrls(fileId);
    const response = await fetch(mp4, { method: 'HEAD' });
    expect(response.headers.get('set-cookie')).toBeNull();
    const named = response.headers.get('content-disposition')!.split("filename*=UTF-8''")[1]!;
    expect(decodeURIComponent(named).replace(/\.mp4$/, '')).toBe(fileName.replace(/\.mp4$/, ''));
    expect((await contentOf(server, fileId)).errors).toEqual([]);
    await publisher.stop();
  });

  it('that no database keeps, or that is too long, is refused', async () => {
    await publish(server, 'refused', 'ann');
    for (const fileName of ['a\0b', '\ud83d', 'x'.repeat(1001)]) {
      await expect(server.api.startRecording('refused', { userId: 'ann', fileName })).rejects.toMatchObject({
        status: 400,
        problem: { code: 'request-invalid', input: 'body.fileName' },
      });
    }
    expect((await server.api.getRoom('refused')).recordings).toEqual([]);
  });
});
