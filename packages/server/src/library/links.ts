import { createHmac } from 'node:crypto';
import { AircheckError } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';
import { sameText } from '../same-text.ts';

/** Signs and checks links to files: who has the link may play the file until the link ends, without credentials. */
export class MediaLinks {
  readonly #clock: Clock;
  readonly #linkKey: (appId: string) => Buffer;

  constructor(linkKey: (appId: string) => Buffer, clock: Clock) {
    this.#linkKey = linkKey;
    this.#clock = clock;
  }

  /** @returns the query that opens the file's links, and when they end in milliseconds since 1970 */
  sign(appId: string, fileId: string, ttlSeconds: number): { readonly query: string; readonly expiresAt: number } {
    const exp = Math.floor(this.#clock.now() / 1000) + ttlSeconds;
    return { query: `exp=${exp}&sig=${this.#signature(appId, fileId, exp)}`, expiresAt: exp * 1000 };
  }

  /**
   * @returns the query for further links to the same file, which end at the same time
   * @throws AircheckError `link-invalid`, `link-expired`
   */
  check(appId: string, fileId: string, link: { readonly exp?: unknown; readonly sig?: unknown }): string {
    const { exp, sig } = link;
    if (typeof exp !== 'string' || typeof sig !== 'string' || !/^\d{1,12}$/.test(exp)) {
      throw new AircheckError('link-invalid', 'The link carries no signature', {
        hint: 'Ask for links with POST /v1/assets/{fileId}/play-urls',
      });
    }
    if (!sameText(sig, this.#signature(appId, fileId, Number(exp)))) {
      throw new AircheckError('link-invalid', 'The signature of the link is wrong');
    }
    if (Number(exp) * 1000 <= this.#clock.now()) {
      throw new AircheckError('link-expired', 'The link has expired', {
        hint: 'Ask for links with POST /v1/assets/{fileId}/play-urls',
      });
    }
    return `exp=${exp}&sig=${sig}`;
  }

  #signature(appId: string, fileId: string, exp: number): string {
    return createHmac('sha256', this.#linkKey(appId)).update(`${fileId}\n${exp}`).digest('base64url');
  }
}
