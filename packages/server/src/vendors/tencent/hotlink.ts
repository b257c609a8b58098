import { createHash } from 'node:crypto';
import { sameText } from '@aircheck/engine/same-text';
import { AircheckError } from '@aircheck/protocol';
import type { Clock } from '../../clock.ts';
import type { GrantedLink, Settings } from '../../library/index.ts';

/** A link is good for that many seconds after its time: clocks differ, and so does the way. */
const toleranceSeconds = 300;

/** Seconds since 1970: eight digits until 2106. More would be the first ones of `exper`, which are signed right behind. */
const endTime = /^[0-9a-f]{1,8}$/i;

/** Seconds as a signer writes them: without zeros in front, so that a 0 there is all of `exper`. */
const wholeSeconds = /^(0|[1-9]\d{0,8})?$/;

/** Parts of the query in the order in which they are signed; those that are absent are left out. */
const signed = ['t', 'exper', 'us'] as const;

export interface HotlinksOptions {
  readonly settings: Pick<Settings, 'get'>;
  /** A reverse proxy may take its path away: links are signed with it or without. */
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
}

/**
 * Links with the hotlink signature of Tencent's VOD: `?t=<end, hex>&exper=<s>&us=<random>&sign=<md5>`, where the digest is
 * that of key, folder, `t`, `exper` and `us`. The folder is the link's path up to its last slash, so that one signature
 * opens a playlist and all that it names. With `exper` above 0 it opens that many seconds of the beginning, and no more.
 *
 * Nothing marks where `exper` ends and `us` begins in what is signed: `exper=10&us=5a` reads as `exper=105&us=a`, and
 * `exper=30` as `us=30`. So `us` must begin with a letter (or `_`), or follow `exper=0`: each text has one reading then.
 */
export class Hotlinks {
  readonly #options: HotlinksOptions;
  readonly #prefix: string;

  constructor(options: HotlinksOptions) {
    this.#options = options;
    this.#prefix = options.publicUrl === undefined ? '' : new URL(options.publicUrl).pathname.replace(/\/$/, '');
  }

  /**
   * @param path - of the request, as it came: `/v1/media/…`
   * @returns with the query for further links to the same folder; undefined when the link is not signed in this way
   * @throws AircheckError `link-invalid`, `link-expired`
   */
  async check(appId: string, path: string, query: Readonly<Record<string, unknown>>): Promise<GrantedLink | undefined> {
    const { t, exper, us, sign } = query;
    if (t === undefined && sign === undefined) return undefined;
    const { settings, clock } = this.#options;
    const { hotlinkKey } = await settings.get(appId);
    if (hotlinkKey === null) {
      throw new AircheckError('link-invalid', 'Links with a hotlink signature are not taken here', {
        hint: 'Set hotlinkKey with PATCH /v1/settings',
      });
    }
    const parts = signed.map((name) => query[name]);
    const texts = parts.filter((part) => part !== undefined && part !== '');
    const isText = texts.every((part) => typeof part === 'string' && /^\w{1,64}$/.test(part));
    if (!isText || typeof t !== 'string' || !endTime.test(t) || typeof sign !== 'string') {
      throw new AircheckError('link-invalid', 'The hotlink signature is not complete');
    }
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const right = [folder, this.#prefix + folder].some((dir) =>
      sameText(sign.toLowerCase(), md5(hotlinkKey + dir + texts.join(''))),
    );
    if (!right) throw new AircheckError('link-invalid', 'The hotlink signature is wrong');
    if (!wholeSeconds.test(String(exper ?? ''))) {
      throw new AircheckError('link-invalid', 'exper must be a number of whole seconds, without zeros in front', {
        input: 'query.exper',
      });
    }
    if (exper !== '0' && /^\d/.test(String(us ?? ''))) {
      throw new AircheckError('link-invalid', 'us begins with a digit, which may have been one of exper', {
        input: 'query.us',
        hint: 'Sign a us that begins with a letter, or exper=0 in front of it where all of the file is to open',
      });
    }
    if (Number.parseInt(t, 16) + toleranceSeconds < clock.now() / 1000) {
      throw new AircheckError('link-expired', 'The link has expired');
    }
    const kept = signed.flatMap((name, index) => (typeof parts[index] === 'string' ? [`${name}=${parts[index]}`] : []));
    const previewSeconds = Number(exper ?? 0);
    return { query: [...kept, `sign=${sign}`].join('&'), ...(previewSeconds > 0 && { previewSeconds }) };
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
