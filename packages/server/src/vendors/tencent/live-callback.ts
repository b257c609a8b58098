import { createHash } from 'node:crypto';
import type { Asset, Recording } from '@aircheck/protocol';
import type { Clock } from '../../clock.ts';
import type { DeliveryFormat, FormatSubscriber, StoredEvent } from '../../events/index.ts';
import type { Settings } from '../../library/index.ts';
import { extensionOf, type VendorFiles } from '../vendor-files.ts';
import { seconds } from './media-facts.ts';
import { streamIdOf } from './stream-id.ts';

/** How long the signature of a callback is good, in seconds. */
const signatureSeconds = 600;
/** `event_type` of a new file of a recording. */
const newRecordFile = 100;

export interface LiveCallbackOptions {
  readonly files: VendorFiles;
  readonly settings: Pick<Settings, 'get'>;
  readonly recording: (appId: string, recordingId: string) => Promise<Recording>;
  readonly clock: Clock;
}

/**
 * The record callback of Tencent's live codes (直播码): a POST for each new file of a recording, `event_type` 100.
 * `sign` is the MD5 of the key followed by `t`, the second at which it expires. Only the status 200 counts as taken.
 */
export class LiveCallback implements DeliveryFormat {
  readonly #options: LiveCallbackOptions;

  constructor(options: LiveCallbackOptions) {
    this.#options = options;
  }

  async render({ type, appId, data }: StoredEvent, { secret }: FormatSubscriber) {
    const asset = data as Asset;
    const { roomId, userId, recordingId } = asset;
    if (type !== 'asset.ready' || asset.source !== 'record') return undefined;
    if (roomId === null || userId === null || recordingId === null) return undefined;
    const { files, settings, recording, clock } = this.#options;
    const { bizId, sdkAppId } = await settings.get(appId);
    const { source } = await recording(appId, recordingId);
    const file = await files.find(appId, asset.fileId);
    const t = seconds(clock.now()) + signatureSeconds;
    const streamId = streamIdOf(bizId, roomId, userId, source);
    const startedAt = Date.parse(asset.startedAt);
    const endedAt = asset.endedAt === null ? startedAt + asset.durationMs : Date.parse(asset.endedAt);
    const body = {
      appid: sdkAppId,
      channel_id: streamId,
      stream_id: streamId,
      event_type: newRecordFile,
      file_id: asset.fileId,
      record_file_id: asset.fileId,
      file_format: file === undefined ? 'mp4' : extensionOf(file.stored),
      file_size: asset.sizeBytes,
      duration: seconds(asset.durationMs),
      start_time: Math.floor(startedAt / 1000),
      start_time_usec: (startedAt % 1000) * 1000,
      end_time: Math.floor(endedAt / 1000),
      end_time_usec: (Math.round(endedAt) % 1000) * 1000,
      media_start_time: 0,
      record_bps: (asset.video?.bitrateBps ?? 0) + (asset.audio?.bitrateBps ?? 0),
      task_id: recordingId,
      video_id: `${sdkAppId}_${asset.fileId}`,
      video_url: file?.urls.mp4 ?? '',
      stream_param: streamParam({ sdkAppId, roomId, userId, recordingId, t }),
      t,
      sign: createHash('md5').update(`${secret}${t}`).digest('hex'),
    };
    return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  }

  accepts({ status }: { readonly status: number }): boolean {
    return status === 200;
  }
}

/** What the push URL of the stream would have carried: who and where; the user's id in Base64, as in the vendor's samples. */
function streamParam(of: { sdkAppId: number; roomId: string; userId: string; recordingId: string; t: number }): string {
  const userId = Buffer.from(of.userId).toString('base64');
  return [
    'from=interactive',
    'client_business_type=0',
    `sdkappid=${of.sdkAppId}`,
    'sdkapptype=1',
    `groupid=${encodeURIComponent(of.roomId)}`,
    `userid=${encodeURIComponent(userId)}`,
    `ts=${of.t.toString(16)}`,
    `cliRecoId=${of.recordingId}`,
  ].join('&');
}
