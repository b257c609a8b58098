import type { AudioInfo, VideoInfo } from '@aircheck/protocol';
import { extensionOf, renditionUrl, type VendorFile } from '../vendor-files.ts';

/** One playable form of a file: 0 is the original. Rates in bit/s, as the vendor's samples have them. */
export interface PlaySetEntry {
  readonly url: string;
  readonly definition: number;
  readonly vbitrate: number;
  readonly vheight: number;
  readonly vwidth: number;
}

/** The original and all renditions (VOD server API, `playSet`). */
export function playSetOf({ stored, urls }: VendorFile): PlaySetEntry[] {
  const { video } = stored.asset;
  return [
    entry(urls.mp4, 0, video),
    ...urls.renditions.map((rendition) => entry(renditionUrl(rendition), rendition.definition, rendition.info.video)),
  ];
}

function entry(url: string, definition: number, video: VideoInfo | null | undefined): PlaySetEntry {
  return {
    url,
    definition,
    vbitrate: video?.bitrateBps ?? 0,
    vheight: video?.height ?? 0,
    vwidth: video?.width ?? 0,
  };
}

/** What is in a file (VOD events, `metaData`): bit rates in kbit/s, lengths in whole seconds. */
export function metaDataOf(facts: {
  readonly sizeBytes: number;
  readonly durationMs: number;
  readonly container: string;
  readonly md5?: string | null | undefined;
  readonly video?: VideoInfo | null | undefined;
  readonly audio?: AudioInfo | null | undefined;
}) {
  const { video, audio } = facts;
  return {
    size: facts.sizeBytes,
    container: facts.container,
    bitrate: kbps((video?.bitrateBps ?? 0) + (audio?.bitrateBps ?? 0)),
    height: video?.height ?? 0,
    width: video?.width ?? 0,
    md5: facts.md5 ?? '',
    duration: seconds(facts.durationMs),
    rotate: video?.rotation ?? 0,
    videoStreamList:
      video == null
        ? []
        : [
            {
              bitrate: kbps(video.bitrateBps),
              height: video.height,
              width: video.width,
              codec: video.codec,
              fps: Math.round(video.fps),
            },
          ],
    audioStreamList:
      audio == null ? [] : [{ bitrate: kbps(audio.bitrateBps), samplingRate: audio.sampleRate, codec: audio.codec }],
  };
}

export function metaDataOfFile({ stored }: VendorFile) {
  return metaDataOf({ ...stored.asset, container: extensionOf(stored) });
}

export function seconds(ms: number): number {
  return Math.round(ms / 1000);
}

function kbps(bps: number): number {
  return Math.round(bps / 1000);
}
