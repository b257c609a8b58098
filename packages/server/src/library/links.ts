import { createHmac } from 'node:crypto';
import { sameText } from '@aircheck/engine/same-text';
import { AircheckError } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';

const askForLinks = 'Ask for links with POST /v1/assets/{fileId}/play-urls or /v1/recordings/{recordingId}/play-urls';

/** What a link leads to: a file by its id, or all files of a recording. */
export type LinkSubject = string | { readonly recordingId: string };

/** Signs and checks links: who has one may play what it leads to until it ends, without credentials. */
export class MediaLinks {
  readonly #clock: Clock;
  readonly #linkKey: (appId: string) => Buffer;

  constructor(linkKey: (appId: string) => Buffer, clock: Clock) {
    this.#linkKey = linkKey;
    this.#clock = clock;
  }

  /** @returns the query that opens the links to it, and when they end in milliseconds since 1970 */
  sign(appId: string, to: LinkSubject, ttlSeconds: number): { readonly query: string; readonly expiresAt: number } {
    const exp = Math.floor(this.#clock.now() / 1000) + ttlSeconds;
    return { query: this.#query(appId, to, exp), expiresAt: exp * 1000 };
  }

  /**
   * @param like - query of a link that was found good
   * @returns the query that opens the file's links, which end when that one does
   */
  signLike(appId: string, fileId: string, like: string): string {
    return this.#query(appId, fileId, Number(new URLSearchParams(like).get('exp')));
  }

  /**
   * @returns the query for further links to the same, which end at the same time
   * @throws AircheckError `link-invalid`, `link-expired`
   */
  check(appId: string, to: LinkSubject, link: { readonly exp?: unknown; readonly sig?: unknown }): string {
    const { exp, sig } = link;
    if (typeof exp !== 'string' || typeof sig !== 'string' || !/^\d{1,12}$/.test(exp)) {
      throw new AircheckError('link-invalid', 'The link carries no signature', {
        hint: askForLinks,
      });
    }
    if (!sameText(sig, this.#signature(appId, to, Number(exp)))) {
      throw new AircheckError('link-invalid', 'The signature of the link is wrong');
    }
    if (Number(exp) * 1000 <= this.#clock.now()) {
      throw new AircheckError('link-expired', 'The link has expired', {
        hint: askForLinks,
      });
    }
    return `exp=${exp}&sig=${sig}`;
  }

  #query(appId: string, to: LinkSubject, exp: number): string {
    return `exp=${exp}&sig=${this.#signature(appId, to, exp)}`;
  }

  #signature(appId: string, to: LinkSubject, exp: number): string {
    // No id of a file has a slash in it.
    const subject = typeof to === 'string' ? to : `recordings/${to.recordingId}`;
    return createHmac('sha256', this.#linkKey(appId)).update(`${subject}\n${exp}`).digest('base64url');
  }
}
