import type { Asset, AssetState, AudioInfo, PlayUrls, VideoInfo } from '@aircheck/protocol';
import type { AssetFilter, StoredAsset } from '../../../library/index.ts';
import type { VendorFile } from '../../vendor-files.ts';
import { seconds } from '../media-facts.ts';
import type { ActionContext } from './context.ts';

/** How long links in answers are good: as long as they can be. The vendor's do not end. */
const linkSeconds = 30 * 86_400;

/** The vendor's numbers (266/7825): 5 is "being published", 6 "being deleted", -1 "not uploaded whole". */
const statusNumbers: Readonly<Record<AssetState, number>> = {
  recording: 5,
  interrupted: 5,
  ready: 2,
  failed: -1,
  deleting: 6,
  recycled: 100,
};
/** "Paused": a file that is banned. */
const bannedStatus = 3;

/** Looks up what was made of files, all at once, and the links to it. */
export async function vendorFilesOf(context: ActionContext, files: readonly StoredAsset[]): Promise<VendorFile[]> {
  const { library, appId, origin } = context;
  const fileIds = files.map(({ asset }) => asset.fileId);
  const [made, { hotlinkKey }] = await Promise.all([library.derivativesOf(fileIds), library.settings.get(appId)]);
  return files.map((stored) => {
    const derivatives = made.get(stored.asset.fileId) ?? [];
    const urls = context.urls.forAsset(stored, derivatives, { ttlSeconds: linkSeconds, origin });
    return {
      stored,
      derivatives: derivatives.map(({ derivative }) => derivative),
      // With hotlink protection the app signs links itself: they come bare, as the vendor's do, and do not end.
      urls: hotlinkKey === null ? urls : withoutQueries(urls),
    };
  });
}

export function statusNumber({ state, banned }: Asset): number {
  return state === 'ready' && banned ? bannedStatus : statusNumbers[state];
}

/** Which files a number of the vendor's stands for; undefined for numbers that no file here ever has. */
export function filterOfStatus(status: number): Pick<AssetFilter, 'state' | 'banned'> | undefined {
  if (status === bannedStatus) return { state: 'ready', banned: true };
  const found = Object.entries(statusNumbers).find(([, number]) => number === status);
  if (found === undefined) return undefined;
  const state = found[0] as AssetState;
  return state === 'ready' ? { state, banned: false } : { state };
}

/** What is in a file (266/8586, `metaData`): rates in bit/s, lengths in seconds. */
export function mediaFields(media: {
  readonly sizeBytes: number;
  readonly durationMs: number;
  readonly container: string;
  readonly md5?: string | null | undefined;
  readonly video?: VideoInfo | null | undefined;
  readonly audio?: AudioInfo | null | undefined;
}): object {
  const { video, audio, sizeBytes, durationMs } = media;
  return {
    size: sizeBytes,
    container: media.container,
    bitrate: (video?.bitrateBps ?? 0) + (audio?.bitrateBps ?? 0),
    height: video?.height ?? 0,
    width: video?.width ?? 0,
    md5: media.md5 ?? '',
    duration: seconds(durationMs),
    floatDuration: durationMs / 1000,
    videoStreamList: (video == null ? [] : [video]).map(({ bitrateBps, height, width, codec, fps }) => ({
      bitrate: bitrateBps,
      height,
      width,
      codec,
      fps: Math.round(fps),
    })),
    audioStreamList: (audio == null ? [] : [audio]).map(({ bitrateBps, sampleRate, codec }) => ({
      bitrate: bitrateBps,
      samplingRate: sampleRate,
      codec,
    })),
  };
}

/** Each link without its signature. */
function withoutQueries(urls: PlayUrls): PlayUrls {
  return JSON.parse(JSON.stringify(urls), (_name, value: unknown) =>
    typeof value === 'string' && /^https?:/.test(value) ? value.replace(/\?.*$/, '') : value,
  );
}
