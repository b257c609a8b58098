import type { RecordingSource } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol/errors';
import type { UploadOptions } from './stored-recording.ts';

/** File formats. `m4a` holds sound alone. */
export type Container = 'mp4' | 'm4a' | 'webm';

/** What is recorded. */
export type RecordedSource =
  /** Camera (or screen) and microphone of a participant, oneself or another, through mutes and device switches. */
  | { readonly userId: string }
  /** Everybody's sound in one track, one's own and that of those who come later. */
  | { readonly mix: true }
  /** Tracks that the page has from wherever. The recording ends when they all have ended. */
  | { readonly video?: MediaStreamTrack; readonly audio?: MediaStreamTrack };

export interface StartOptions {
  readonly source: RecordedSource;
  /** `mp4` when absent, `m4a` for the mix. */
  readonly container?: Container;
  /** `aac` for `m4a`; for `mp4` AAC where the browser itself encodes it, else Opus. WebM holds Opus only. */
  readonly audioCodec?: 'aac' | 'opus';
  /** Name without ending, 1 to 200 characters. */
  readonly fileName: string;
  /** 2,000,000 when absent. */
  readonly videoBitrateBps?: number;
  /** 128,000 for AAC and 64,000 for Opus when absent. */
  readonly audioBitrateBps?: number;
  /** Which picture of a participant; `camera` when absent. */
  readonly recordingSource?: RecordingSource;
  /** Send the file into the library while it grows. */
  readonly upload?: boolean | UploadOptions;
}

/** {@link StartOptions} with nothing left open. */
export interface RecordingPlan {
  readonly source: RecordedSource;
  readonly container: Container;
  /** Pictures are recorded. */
  readonly video: boolean;
  readonly audioCodec: 'aac' | 'opus' | undefined;
  readonly fileName: string;
  readonly videoBitrateBps: number;
  readonly audioBitrateBps: number;
  readonly recordingSource: RecordingSource;
}

const MAX_FILE_NAME_LENGTH = 200;
const DEFAULT_VIDEO_BITRATE_BPS = 2_000_000;
const DEFAULT_AUDIO_BITRATE_BPS = { aac: 128_000, opus: 64_000 } as const;

/**
 * Fills in what is absent.
 * @param nativeAac - the browser encodes AAC itself
 * @throws AircheckError `file-name-missing`; `request-invalid`, naming the option, when options contradict each other
 */
export function planRecording(options: StartOptions, nativeAac: boolean): RecordingPlan {
  const { source, recordingSource = 'camera' } = options;
  const fileName = checkedFileName(options.fileName);
  const video = 'userId' in source || ('video' in source && source.video !== undefined);
  const audio = !('video' in source || 'audio' in source) || source.audio !== undefined;
  const soundAlone = !video || options.container === 'm4a';
  if (!video && !audio) throw invalid('source', 'A recording needs a track at least');
  if (soundAlone && !audio) throw invalid('container', 'm4a holds sound alone, and there is none');
  const container = options.container ?? ('mix' in source ? 'm4a' : 'mp4');
  if (!['mp4', 'm4a', 'webm'].includes(container)) throw invalid('container', 'The container is mp4, m4a or webm');
  if (!['camera', 'screen'].includes(recordingSource)) {
    throw new AircheckError('source-invalid', 'The source is camera or screen', { input: 'recordingSource' });
  }
  const audioCodec = options.audioCodec ?? (container === 'm4a' || (container === 'mp4' && nativeAac) ? 'aac' : 'opus');
  if (audioCodec !== 'aac' && audioCodec !== 'opus') throw invalid('audioCodec', 'The sound codec is aac or opus');
  if (container === 'webm' && audioCodec === 'aac') throw invalid('audioCodec', 'WebM holds Opus, not AAC');
  return {
    source,
    container,
    video: !soundAlone,
    audioCodec: audio ? audioCodec : undefined,
    fileName,
    videoBitrateBps: checkedBitrate('videoBitrateBps', options.videoBitrateBps ?? DEFAULT_VIDEO_BITRATE_BPS),
    audioBitrateBps: checkedBitrate(
      'audioBitrateBps',
      options.audioBitrateBps ?? DEFAULT_AUDIO_BITRATE_BPS[audioCodec],
    ),
    recordingSource,
  };
}

function checkedFileName(fileName: unknown): string {
  if (typeof fileName !== 'string' || fileName.trim() === '') {
    throw new AircheckError('file-name-missing', 'The recording has no file name', { input: 'fileName' });
  }
  if (fileName.length > MAX_FILE_NAME_LENGTH) {
    throw invalid('fileName', `The file name has ${fileName.length} characters; ${MAX_FILE_NAME_LENGTH} are allowed`);
  }
  return fileName;
}

function checkedBitrate(input: string, bitrateBps: number): number {
  if (Number.isInteger(bitrateBps) && bitrateBps >= 6_000 && bitrateBps <= 100_000_000) return bitrateBps;
  throw invalid(input, `A bit rate is a whole number from 6000 to 100000000, not ${bitrateBps}`);
}

function invalid(input: string, detail: string): AircheckError {
  return new AircheckError('request-invalid', detail, { input });
}
