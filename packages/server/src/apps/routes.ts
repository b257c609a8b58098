import {
  AircheckError,
  CreateTokenRequest,
  CreateTokenResponse,
  CreateViewerTokenRequest,
  CreateViewerTokenResponse,
  Session,
  SignInRequest,
} from '@aircheck/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import { principalOf } from './access.ts';
import { type Apps, defaultAppId } from './apps.ts';
import { type ConsoleSessions, requireSameOrigin, sessionCookie, sessionSeconds } from './console-sessions.ts';
import { FailedAttempts } from './failed-attempts.ts';
import { requireRoom, roomOfToken } from './principal.ts';

export interface AppRoutesOptions {
  readonly apps: Apps;
  readonly sessions: ConsoleSessions;
  readonly clock: Clock;
  /** Browsers reach the server over HTTPS, whatever a request looks like: the cookie then never goes over plain HTTP. */
  readonly secureCookies: boolean;
}

/** `POST /v1/tokens`, and signing in to and out of the console. */
export function registerAppRoutes(server: FastifyInstance, options: AppRoutesOptions): void {
  const { apps, sessions, clock, secureCookies } = options;
  const app = server.withTypeProvider<ZodTypeProvider>();
  const failedAttempts = new FailedAttempts(clock);
  const cookieOptions = (request: FastifyRequest) =>
    ({ path: '/', httpOnly: true, sameSite: 'strict', secure: secureCookies || request.protocol === 'https' }) as const;

  app.post(
    '/v1/tokens',
    {
      config: { access: 'server' },
      schema: {
        summary: 'Make an access token for a user',
        tags: ['access'],
        body: CreateTokenRequest,
        response: { 201: CreateTokenResponse },
      },
    },
    async (request, reply) => {
      reply.code(201);
      return apps.signToken(principalOf(request).appId, request.body);
    },
  );

  app.post(
    '/v1/tokens/viewer',
    {
      config: { access: 'any' },
      schema: {
        summary: 'Make the token of a hidden viewer',
        description:
          'For another program of a participant, that records on its PC for instance: whoever joins with it sees the room, ' +
          'sends nothing, and is neither listed nor told of. It ends with the token it is asked for with, and its viewer ' +
          'leaves when the participant does.',
        tags: ['access'],
        body: CreateViewerTokenRequest,
        response: { 201: CreateViewerTokenResponse },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      if (principal.kind !== 'user' || principal.viewerOf !== undefined) {
        throw new AircheckError('forbidden', "Viewer tokens are made with a participant's own access token");
      }
      const roomId = roomOfToken(principal, request.body.roomId);
      requireRoom(principal, roomId);
      reply.code(201);
      return apps.signViewerToken(principal, roomId);
    },
  );

  app.post(
    '/v1/session',
    {
      schema: {
        summary: 'Sign in to the console, with key and secret or with the one-time code printed at start',
        errors: ['unauthenticated', 'rate-limited'],
        tags: ['access'],
        public: true,
        body: SignInRequest,
        response: { 200: Session },
      },
    },
    async (request, reply) => {
      failedAttempts.check(request.ip);
      let appId = defaultAppId;
      try {
        if ('code' in request.body) sessions.redeemCode(request.body.code);
        else appId = apps.checkCredentials(request.body.key, request.body.secret);
      } catch (error) {
        failedAttempts.failed(request.ip);
        throw error;
      }
      const { cookie, expiresAt } = await sessions.issue(appId);
      reply.setCookie(sessionCookie, cookie, { ...cookieOptions(request), maxAge: sessionSeconds });
      return noStore(reply, { key: apps.apiKey(appId), expiresAt: new Date(expiresAt).toISOString() });
    },
  );

  app.get(
    '/v1/session',
    {
      schema: {
        summary: 'The console session of the cookie',
        errors: ['unauthenticated'],
        tags: ['access'],
        response: { 200: Session },
      },
    },
    async (request, reply) => {
      const cookie = request.cookies[sessionCookie];
      if (cookie === undefined) throw new AircheckError('unauthenticated', 'Nobody is signed in');
      const { appId, expiresAt } = await sessions.verify(cookie);
      return noStore(reply, { key: apps.apiKey(appId), expiresAt: new Date(expiresAt).toISOString() });
    },
  );

  app.delete(
    '/v1/session',
    {
      schema: {
        summary: 'Sign out of the console',
        errors: ['unauthenticated', 'forbidden'],
        tags: ['access'],
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      requireSameOrigin(request);
      reply.clearCookie(sessionCookie, cookieOptions(request)).code(204);
    },
  );
}

function noStore<T>(reply: FastifyReply, body: T): T {
  reply.header('cache-control', 'no-store');
  return body;
}
