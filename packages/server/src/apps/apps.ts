import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { AircheckError, type Role, TokenClaims, viewerOf } from '@aircheck/protocol';
import type { FastifyRequest } from 'fastify';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../clock.ts';
import type { AppRow, Database } from '../db/index.ts';
import { type ConsoleSessions, requireSameOrigin, sessionCookie } from './console-sessions.ts';
import type { Credentials } from './credentials.ts';
import { isUserToken, type Presence, type Principal, type UserPrincipal } from './principal.ts';

export const defaultAppId = 'default';

export interface TokenGrant {
  readonly userId: string;
  readonly roomId: string;
  readonly role: Role;
  readonly ttlSeconds: number;
}

interface App {
  readonly appId: string;
  readonly key: string;
  readonly secret: Uint8Array;
  readonly linkKey: Buffer;
}

/** Tells whose token it is that is not one of ours; undefined when it is not one of its kind either. */
export type TokenVerifier = (token: string) => Promise<UserPrincipal> | undefined;

/** Tenants: who may ask for what, by key and secret, by access token, or by the console's cookie. */
export class Apps {
  readonly #byKey = new Map<string, App>();
  readonly #byId = new Map<string, App>();
  readonly #sessions: ConsoleSessions;
  readonly #clock: Clock;
  #otherTokens: TokenVerifier | undefined;
  #presenceOf: (appId: string, userId: string) => Presence = () => new Map();

  constructor(rows: readonly AppRow[], sessions: ConsoleSessions, clock: Clock) {
    for (const row of rows) {
      const app = {
        appId: row.app_id,
        key: row.api_key,
        secret: new TextEncoder().encode(row.api_secret),
        linkKey: createHmac('sha256', row.api_secret).update('aircheck media links v1').digest(),
      };
      this.#byKey.set(app.key, app);
      this.#byId.set(app.appId, app);
    }
    this.#sessions = sessions;
    this.#clock = clock;
  }

  /** Reads the apps, and gives the default one these credentials. */
  static async open(options: {
    readonly db: Database;
    readonly credentials: Credentials;
    readonly sessions: ConsoleSessions;
    readonly clock: Clock;
  }): Promise<Apps> {
    const { db, credentials, sessions, clock } = options;
    const { key, secret } = credentials;
    await db
      .insertInto('apps')
      .values({ app_id: defaultAppId, name: 'Default', api_key: key, api_secret: secret, created_at: clock.now() })
      .onConflict((conflict) => conflict.column('app_id').doUpdateSet({ api_key: key, api_secret: secret }))
      .execute();
    return new Apps(await db.selectFrom('apps').selectAll().execute(), sessions, clock);
  }

  /**
   * Whose request it is: `Authorization: Basic key:secret`, `Authorization: Bearer <access token>`, or the console's cookie.
   * @throws AircheckError `unauthenticated`, `token-expired`; `forbidden` for a changing request with the cookie that
   *   comes from another site
   */
  async authenticate(request: FastifyRequest): Promise<Principal> {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const [scheme = '', value = ''] = authorization.split(/ +/, 2);
      if (scheme.toLowerCase() === 'bearer') return this.#withPresence(await this.verifyToken(value));
      if (scheme.toLowerCase() === 'basic') return { kind: 'server', appId: this.#checkBasic(value).appId };
      throw new AircheckError('unauthenticated', 'The Authorization header is neither Basic nor Bearer', {
        input: 'headers.authorization',
      });
    }
    const cookie = request.cookies[sessionCookie];
    if (cookie !== undefined) {
      const session = await this.#sessions.verify(cookie);
      requireSameOrigin(request);
      return { kind: 'console', appId: session.appId };
    }
    throw new AircheckError('unauthenticated', 'The request carries no credentials', {
      hint: 'Send "Authorization: Basic <key:secret>" from a server or "Authorization: Bearer <access token>" for a user',
    });
  }

  /**
   * Checks an access token (JWT, HS256 with the app's secret, `kid` = the app's key).
   * @throws AircheckError `unauthenticated` when it is forged or malformed, `token-expired`
   */
  async verifyToken(token: string): Promise<UserPrincipal> {
    const other = this.#otherTokens?.(token);
    if (other !== undefined) return other;
    let appId = '';
    try {
      const { payload } = await jwtVerify(
        token,
        ({ kid }) => {
          const app = kid === undefined ? undefined : this.#byKey.get(kid);
          if (app === undefined) throw new errors.JWKSNoMatchingKey('no app has this key');
          appId = app.appId;
          return app.secret;
        },
        { algorithms: ['HS256'], currentDate: new Date(this.#clock.now()), requiredClaims: ['exp'] },
      );
      const { sub, room, role, exp, hidden } = TokenClaims.parse(payload);
      const user = { kind: 'user', appId, userId: sub, roomId: room, role, exp } as const;
      return hidden === true ? { ...user, viewerOf: viewerOf(sub) } : user;
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) {
        throw new AircheckError('token-expired', 'The access token has expired', {
          cause,
          hint: 'Ask for a new one with POST /v1/tokens',
        });
      }
      throw new AircheckError('unauthenticated', 'The access token is not valid', { cause });
    }
  }

  /** Signs an access token for a user. */
  async signToken(appId: string, grant: TokenGrant): Promise<{ readonly token: string; readonly expiresAt: string }> {
    const { roomId, role, userId, ttlSeconds } = grant;
    return this.#sign(appId, { sub: userId, room: roomId, role, exp: this.#nowSeconds() + ttlSeconds });
  }

  /** Signs the token of a hidden viewer, which ends with that of whom it watches for. */
  async signViewerToken(
    { appId, userId, exp }: UserPrincipal,
    roomId: string,
  ): Promise<{ readonly token: string; readonly expiresAt: string; readonly userId: string }> {
    const sub = `${userId}@agent:${randomBytes(8).toString('base64url')}`;
    return { ...(await this.#sign(appId, { sub, room: roomId, role: 'audience', exp, hidden: true })), userId: sub };
  }

  /**
   * The app of a key and secret.
   * @throws AircheckError `unauthenticated`
   */
  checkCredentials(key: string, secret: string): string {
    const app = this.#byKey.get(key);
    // Compared even when there is no such key, and as digests: the time tells neither which keys exist nor how long a
    // secret is.
    const same = timingSafeEqual(digest(secret), digest(app?.secret ?? ''));
    if (app === undefined || !same) throw new AircheckError('unauthenticated', 'The key or the secret is wrong');
    return app.appId;
  }

  /** Takes tokens of another make, too, wherever access tokens are taken. */
  acceptTokens(verifier: TokenVerifier): void {
    this.#otherTokens = verifier;
  }

  /** Learns from the rooms who is where, on which the rights of user tokens and of viewers depend. */
  usePresence(presenceOf: (appId: string, userId: string) => Presence): void {
    this.#presenceOf = presenceOf;
  }

  /** The secret of each app. */
  secrets(): Iterable<{ readonly appId: string; readonly secret: Uint8Array }> {
    return this.#byId.values();
  }

  /** What requests that carry the app's key are signed with; undefined when no app has that key. */
  signingSecret(key: string): { readonly appId: string; readonly secret: Uint8Array } | undefined {
    return this.#byKey.get(key);
  }

  /** The key that play links of an app's files are signed with. */
  linkKey(appId: string): Buffer {
    return this.#app(appId).linkKey;
  }

  /** The app's public key, which names it. */
  apiKey(appId: string): string {
    return this.#app(appId).key;
  }

  async #sign(appId: string, claims: TokenClaims): Promise<{ readonly token: string; readonly expiresAt: string }> {
    const app = this.#app(appId);
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: app.key })
      .sign(app.secret);
    return { token, expiresAt: new Date(claims.exp * 1000).toISOString() };
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  #withPresence(user: UserPrincipal): UserPrincipal {
    const { appId, userId, roomId, viewerOf } = user;
    if (isUserToken(user)) return { ...user, presence: this.#presenceOf(appId, userId) };
    if (viewerOf === undefined) return user;
    const inside = this.#presenceOf(appId, viewerOf).has(roomId);
    return { ...user, presence: new Map(inside ? [[roomId, user.role]] : []) };
  }

  #app(appId: string): App {
    const app = this.#byId.get(appId);
    if (app === undefined) throw new AircheckError('not-found', `There is no app ${appId}`);
    return app;
  }

  #checkBasic(value: string): { readonly appId: string } {
    const text = Buffer.from(value, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 0) {
      throw new AircheckError('unauthenticated', 'The Basic credentials are not base64 of key:secret', {
        input: 'headers.authorization',
      });
    }
    return { appId: this.checkCredentials(text.slice(0, colon), text.slice(colon + 1)) };
  }
}

function digest(secret: string | Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest();
}
