import { decodeProtectedHeader, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { principalOf, requireRoom } from '../../src/apps/index.ts';
import { credentials, startTestServer, type TestServer } from '../http/test-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
  server.app.get('/v1/test/whoami', { config: { access: 'any' } }, async (request) => principalOf(request));
  server.app.get('/v1/test/server', { config: { access: 'server' } }, async (request) => principalOf(request));
  server.app.post('/v1/test/change', { config: { access: 'any' } }, async (request) => principalOf(request));
  server.app.get<{ Params: { room: string } }>(
    '/v1/test/room/:room',
    { config: { access: 'any' } },
    async (request) => {
      requireRoom(principalOf(request), request.params.room);
      return {};
    },
  );
});
afterEach(() => server.close());

const encode = (secret: string) => new TextEncoder().encode(secret);
const whoami = (authorization: string) => server.app.inject({ url: '/v1/test/whoami', headers: { authorization } });
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('access tokens', () => {
  it('are made by the server and say who the user is', async () => {
    const made = await server.asServer({
      method: 'POST',
      url: '/v1/tokens',
      payload: { userId: 'anna', roomId: 'studio', role: 'guest', ttlSeconds: 600 },
    });
    expect(made.statusCode).toBe(201);
    const { token, expiresAt } = made.json();
    const exp = Math.floor(server.clock.nowMs / 1000) + 600;
    expect(Date.parse(expiresAt)).toBe(exp * 1000);
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'HS256', kid: credentials.key });
    const principal = { kind: 'user', appId: 'default', userId: 'anna', roomId: 'studio', role: 'guest', exp };
    expect((await whoami(`Bearer ${token}`)).json()).toEqual(principal);
    expect(await server.apps.verifyToken(token)).toEqual(principal);
  });

  it('cannot be made by a user', async () => {
    const response = await server.app.inject({
      method: 'POST',
      url: '/v1/tokens',
      headers: { authorization: `Bearer ${await server.token()}` },
      payload: { userId: 'anna', roomId: 'studio', role: 'host' },
    });
    expect(response.statusCode).toBe(403);
    expect(response.json().code).toBe('forbidden');
  });

  it('end', async () => {
    const token = await server.token({ ttlSeconds: 60 });
    server.clock.nowMs += 59_000;
    expect((await whoami(`Bearer ${token}`)).statusCode).toBe(200);
    server.clock.nowMs += 2_000;
    const response = await whoami(`Bearer ${token}`);
    expect(response.statusCode).toBe(401);
    expect(response.json()).toMatchObject({ code: 'token-expired' });
    expect(response.headers['www-authenticate']).toContain('Bearer');
  });

  it('are refused when they are forged, unsigned, without an end, without a known key or not tokens at all', async () => {
    const claims = { room: 'studio', role: 'host' };
    const header = { alg: 'HS256', kid: credentials.key };
    const sign = (token: SignJWT, secret = credentials.secret) => token.setSubject('anna').sign(encode(secret));
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(server.clock.nowMs / 1000) + 600;
    const good = await server.token();
    const [head = '', , signature = ''] = good.split('.');
    const forgeries = {
      'another secret': await sign(
        new SignJWT(claims).setProtectedHeader(header).setExpirationTime(exp),
        'another secret of the attacker',
      ),
      'a changed role': `${head}.${part({ ...claims, sub: 'anna', exp, role: 'host', admin: true })}.${signature}`,
      'no algorithm': `${part({ alg: 'none', kid: credentials.key })}.${part({ ...claims, sub: 'anna', exp })}.`,
      'no end': await sign(new SignJWT(claims).setProtectedHeader(header)),
      'no key': await sign(new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(exp)),
      'an unknown key': await sign(
        new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'ak_other' }).setExpirationTime(exp),
      ),
      'another algorithm': await sign(
        new SignJWT(claims).setProtectedHeader({ alg: 'HS512', kid: credentials.key }).setExpirationTime(exp),
        credentials.secret.repeat(3),
      ),
      'a role that is none': await sign(
        new SignJWT({ ...claims, role: 'root' }).setProtectedHeader(header).setExpirationTime(exp),
      ),
      text: 'not a token',
      nothing: '',
    };
    for (const [name, token] of Object.entries(forgeries)) {
      const response = await whoami(`Bearer ${token}`);
      expect([name, response.statusCode, response.json().code]).toEqual([name, 401, 'unauthenticated']);
    }
  });

  it('open their own room only', async () => {
    const headers = { authorization: `Bearer ${await server.token({ roomId: 'studio' })}` };
    expect((await server.app.inject({ url: '/v1/test/room/studio', headers })).statusCode).toBe(200);
    const other = await server.app.inject({ url: '/v1/test/room/other', headers });
    expect([other.statusCode, other.json().code]).toEqual([403, 'forbidden']);
  });
});

describe('key and secret', () => {
  it('name the server', async () => {
    const response = await server.asServer({ url: '/v1/test/server' });
    expect(response.json()).toEqual({ kind: 'server', appId: 'default' });
  });

  it.each([
    ['a wrong secret', basic(`${credentials.key}:wrong`)],
    ['a wrong key', basic(`other:${credentials.secret}`)],
    ['no colon', basic(credentials.key)],
    ['no base64', 'Basic %%%'],
    ['another scheme', 'Digest abc'],
    ['an empty header', ''],
  ])('are refused with %s', async (_name, authorization) => {
    const response = await whoami(authorization);
    expect([response.statusCode, response.json().code]).toEqual([401, 'unauthenticated']);
  });

  it('are needed: nobody gets in without credentials', async () => {
    const response = await server.app.inject({ url: '/v1/test/whoami' });
    expect([response.statusCode, response.json().code]).toEqual([401, 'unauthenticated']);
  });
});

describe('the console session', () => {
  const signIn = (payload: object) => server.app.inject({ method: 'POST', url: '/v1/session', payload });

  async function cookie(): Promise<{ aircheck_session: string }> {
    const response = await signIn(credentials);
    return { aircheck_session: response.cookies[0]!.value };
  }

  it('begins with key and secret, in a cookie that scripts and other sites cannot use', async () => {
    const response = await signIn(credentials);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({ key: credentials.key });
    expect(response.cookies).toMatchObject([
      { name: 'aircheck_session', httpOnly: true, sameSite: 'Strict', path: '/', maxAge: 12 * 3600 },
    ]);
    expect(response.body).not.toContain(credentials.secret);
    expect(response.cookies[0]).not.toHaveProperty('secure');
    const who = await server.app.inject({ url: '/v1/test/whoami', cookies: await cookie() });
    expect(who.json()).toEqual({ kind: 'console', appId: 'default' });
  });

  it('never goes over plain HTTP once a reverse proxy with TLS has made it', async () => {
    const response = await server.app.inject({
      method: 'POST',
      url: '/v1/session',
      payload: credentials,
      headers: { 'x-forwarded-proto': 'https' },
    });
    expect(response.cookies).toMatchObject([{ name: 'aircheck_session', secure: true }]);
  });

  it('begins with the one-time code, once', async () => {
    const code = server.sessions.issueCode();
    expect((await signIn({ code: `${code}x` })).statusCode).toBe(401);
    expect((await signIn({ code })).statusCode).toBe(200);
    expect((await signIn({ code })).json().code).toBe('unauthenticated');
  });

  it('does not begin with a code that is older than an hour', async () => {
    const code = server.sessions.issueCode();
    server.clock.nowMs += 3_600_000;
    expect((await signIn({ code })).statusCode).toBe(401);
  });

  it('is told, ends by signing out and after twelve hours', async () => {
    expect((await server.app.inject({ url: '/v1/session' })).statusCode).toBe(401);
    const cookies = await cookie();
    expect((await server.app.inject({ url: '/v1/session', cookies })).json()).toMatchObject({ key: credentials.key });
    const out = await server.app.inject({
      method: 'DELETE',
      url: '/v1/session',
      cookies,
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    expect(out.statusCode).toBe(204);
    expect(out.cookies).toMatchObject([{ name: 'aircheck_session', value: '', path: '/' }]);
    server.clock.nowMs += 12 * 3_600_000 + 1000;
    expect((await server.app.inject({ url: '/v1/session', cookies })).statusCode).toBe(401);
  });

  it('is not taken from another secret', async () => {
    const { aircheck_session } = await cookie();
    const forged = `${aircheck_session.slice(0, -4)}AAAA`;
    const response = await server.app.inject({ url: '/v1/test/whoami', cookies: { aircheck_session: forged } });
    expect(response.statusCode).toBe(401);
  });

  it.each([
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ origin: 'http://localhost:80', host: 'localhost:80' }, 403], // URL drops the default port; Host then has none
    [{ origin: 'http://localhost', host: 'localhost' }, 200],
    [{ 'sec-fetch-site': 'cross-site', origin: 'http://localhost', host: 'localhost' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: 'https://evil.example', host: 'localhost' }, 403],
    [{ origin: 'null', host: 'localhost' }, 403],
    [{}, 403],
  ])('changes things from its own page only: %o gives %i', async (headers, status) => {
    const response = await server.app.inject({
      method: 'POST',
      url: '/v1/test/change',
      cookies: await cookie(),
      headers,
    });
    expect(response.statusCode).toBe(status);
  });

  it('is not opened by guessing: after ten failures an address waits for a minute', async () => {
    const guess = () => signIn({ key: credentials.key, secret: 'a guess' });
    for (let attempt = 0; attempt < 10; attempt++) expect((await guess()).statusCode).toBe(401);
    const refused = await signIn(credentials);
    expect([refused.statusCode, refused.json().code]).toEqual([429, 'rate-limited']);
    server.clock.nowMs += 60_001;
    expect((await signIn(credentials)).statusCode).toBe(200);
  });
});
