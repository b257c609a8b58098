import { createHash } from 'node:crypto';
import { AircheckError, type Asset, type RoomEnded } from '@aircheck/protocol';
import type { Clock } from '../../clock.ts';
import { type DeliveryFormat, type FormatSubscriber, NotYet, type StoredEvent } from '../../events/index.ts';
import { extensionOf, type VendorFiles } from '../vendor-files.ts';

/** The digest of a new file is waited for that long, in milliseconds; then it is told without one. */
const digestWaitMs = 15 * 60_000;
/** The shortest time between two looks for it, in milliseconds: a job computes it just then. */
const lookEveryMs = 500;

/** A call, from its first participant to its last. */
export interface Meeting {
  /** Decimal digits. */
  readonly channelId: string;
  /** Who came first. */
  readonly creator: string | null;
}

export interface MessageCopyOptions {
  readonly files: VendorFiles;
  /** The meeting that a file was recorded in. */
  readonly meeting: (appId: string, asset: Asset) => Promise<Meeting>;
  readonly clock: Clock;
}

/**
 * Message copies (消息抄送) of NetEase Yunxin: `eventType` 5, how long a call took, and 6, files of a recording. Their
 * quirks are kept: numbers are text, `members` and `fileinfo` are JSON inside of JSON, a video call is a `VEDIO`, and the
 * call's number is `channelId` in 5 but `channelid` in 6. Only the status 200 counts as taken.
 */
export class MessageCopy implements DeliveryFormat {
  readonly #options: MessageCopyOptions;

  constructor(options: MessageCopyOptions) {
    this.#options = options;
  }

  async render(event: StoredEvent, { secret, options }: FormatSubscriber) {
    const copy = await this.#copy(event);
    if (copy === undefined) return undefined;
    const body = JSON.stringify(copy);
    const curTime = String(this.#options.clock.now());
    const md5 = createHash('md5').update(body).digest('hex');
    return {
      headers: {
        'content-type': 'application/json',
        AppKey: options.appKey ?? '',
        CurTime: curTime,
        MD5: md5,
        CheckSum: createHash('sha1').update(`${secret}${md5}${curTime}`).digest('hex'),
      },
      body,
    };
  }

  accepts({ status }: { readonly status: number }): boolean {
    return status === 200;
  }

  check({ options }: Pick<FormatSubscriber, 'options'>): void {
    if ((options.appKey ?? '') !== '') return;
    throw new AircheckError('request-invalid', 'A subscriber of Yunxin needs the appKey that its headers carry', {
      input: 'body.options.appKey',
    });
  }

  async #copy({ type, appId, data, createdAt }: StoredEvent): Promise<object | undefined> {
    if (type === 'room.ended') return callEnded(data as RoomEnded);
    if (type !== 'asset.ready' || (data as Asset).source !== 'record') return undefined;
    return this.#fileInfo(appId, data as Asset, createdAt);
  }

  async #fileInfo(appId: string, asset: Asset, createdAt: number): Promise<object | undefined> {
    const { files, meeting, clock } = this.#options;
    const file = await files.find(appId, asset.fileId);
    if (file === undefined) return undefined;
    const waitedMs = clock.now() - createdAt;
    if (file.stored.asset.md5 === null && waitedMs < digestWaitMs) {
      // Looked for ever less often: where there is none by now, the jobs have much to do.
      const afterMs = Math.min(Math.max(lookEveryMs, waitedMs / 4), digestWaitMs - waitedMs);
      throw new NotYet('The digest of the file is not known yet', Math.ceil(afterMs));
    }
    const { channelId, creator } = await meeting(appId, asset);
    const type = extensionOf(file.stored);
    const user = asset.userId ?? '0';
    const info = {
      ...(creator === user && { caller: true }),
      channelid: channelId,
      filename: `${user}-${channelId}-${asset.segmentIndex}.${type}`,
      md5: file.stored.asset.md5 ?? '',
      mix: false,
      pieceindex: String(asset.segmentIndex),
      size: String(asset.sizeBytes),
      type,
      url: file.urls.mp4,
      user,
      vid: asset.fileId,
      timestamp: String(Math.floor(Date.parse(asset.startedAt) / 1000)),
    };
    return { fileinfo: JSON.stringify([info]), eventType: '6' };
  }
}

function callEnded({ channelId, startedAt, endedAt, video, participants }: RoomEnded): object {
  const members = participants.map(({ userId, creator, durationMs }) => ({
    accid: userId,
    duration: Math.round(durationMs / 1000),
    ...(creator && { caller: true }),
  }));
  const started = Date.parse(startedAt);
  return {
    eventType: '5',
    channelId,
    createtime: String(started),
    duration: String(Math.round((Date.parse(endedAt) - started) / 1000)),
    live: '0',
    members: JSON.stringify(members),
    status: participants.length > 1 ? 'SUCCESS' : 'SINGLE_PARTICIPATE',
    type: video ? 'VEDIO' : 'AUDIO',
    ext: '',
  };
}
