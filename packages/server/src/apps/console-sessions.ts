import { createHmac, randomBytes } from 'node:crypto';
import { sameText } from '@aircheck/engine/same-text';
import { AircheckError } from '@aircheck/protocol';
import type { FastifyRequest } from 'fastify';
import { jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../clock.ts';

export const sessionCookie = 'aircheck_session';

/** Seconds that a sign-in to the console lasts. */
export const sessionSeconds = 12 * 3600;

/** Milliseconds that the code in the link printed at start is good for. */
const codeLifeMs = 3_600_000;

export interface ConsoleSession {
  readonly appId: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/**
 * Sessions of the console. The cookie is a signed statement, so that a restart signs nobody out; the one-time code is
 * kept in memory, so that a restart makes the former one worthless.
 */
export class ConsoleSessions {
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  #code: { readonly value: string; readonly expiresAt: number } | undefined;

  /** @param secret - the default app's secret; another secret ends all sessions */
  constructor(secret: string, clock: Clock) {
    this.#key = createHmac('sha256', secret).update('aircheck console sessions v1').digest();
    this.#clock = clock;
  }

  /** Makes the one-time code that the link printed at start carries. */
  issueCode(): string {
    const value = randomBytes(18).toString('base64url');
    this.#code = { value, expiresAt: this.#clock.now() + codeLifeMs };
    return value;
  }

  /**
   * Takes the one-time code; it does not work again.
   * @throws AircheckError `unauthenticated`
   */
  redeemCode(given: string): void {
    const code = this.#code;
    if (code === undefined || code.expiresAt <= this.#clock.now() || !sameText(given, code.value)) {
      throw new AircheckError('unauthenticated', 'The sign-in link has been used, has expired or is wrong', {
        hint: 'Sign in with key and secret, or restart the server for a new link',
      });
    }
    this.#code = undefined;
  }

  /** Makes the value of the session cookie. */
  async issue(appId: string): Promise<ConsoleSession & { readonly cookie: string }> {
    const exp = Math.floor(this.#clock.now() / 1000) + sessionSeconds;
    const cookie = await new SignJWT()
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(appId)
      .setExpirationTime(exp)
      .sign(this.#key);
    return { appId, expiresAt: exp * 1000, cookie };
  }

  /** @throws AircheckError `unauthenticated` when the cookie was not made here or its time is over */
  async verify(cookie: string): Promise<ConsoleSession> {
    try {
      const { payload } = await jwtVerify(cookie, this.#key, {
        algorithms: ['HS256'],
        currentDate: new Date(this.#clock.now()),
        requiredClaims: ['sub', 'exp'],
      });
      return { appId: String(payload.sub), expiresAt: Number(payload.exp) * 1000 };
    } catch (cause) {
      throw new AircheckError('unauthenticated', 'The console session has ended', { cause, hint: 'Sign in again' });
    }
  }
}

/**
 * A browser sends the cookie whoever makes it send a request: one that changes something must come from our own page.
 * @throws AircheckError `forbidden`
 */
export function requireSameOrigin(request: FastifyRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS') return;
  const site = request.headers['sec-fetch-site'];
  const { origin } = request.headers;
  const sameOrigin =
    site !== undefined
      ? site === 'same-origin'
      : origin !== undefined && URL.canParse(origin) && new URL(origin).host === request.host;
  if (!sameOrigin) {
    throw new AircheckError('forbidden', 'With the console cookie, changing requests are taken from its own page only');
  }
}
