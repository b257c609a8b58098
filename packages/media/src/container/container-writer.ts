import type { AudioCodec, VideoCodec } from '../frame.ts';

/** A picture format of a video track: what a sample entry describes. */
export interface VideoFormat {
  readonly codec: VideoCodec;
  readonly width: number;
  readonly height: number;
  /**
   * Codec configuration as the container stores it: the payload of `avcC`, `vpcC` or `av1C`. Empty for VP8.
   */
  readonly description: Uint8Array;
}

export interface VideoTrackOptions extends VideoFormat {
  readonly kind: 'video';
  /** Ticks per second of this track's timestamps; 90000 for what came over RTP. */
  readonly timescale: number;
}

export interface AudioTrackOptions {
  readonly kind: 'audio';
  readonly codec: AudioCodec;
  readonly timescale: number;
  readonly sampleRate: number;
  readonly channels: number;
  /** `opus`: the payload of `dOps`. `aac`: the AudioSpecificConfig. */
  readonly description: Uint8Array;
}

export type TrackOptions = VideoTrackOptions | AudioTrackOptions;

/** One sample of a track. Samples are added in decode order and follow each other without holes. */
export interface Sample {
  readonly data: Uint8Array;
  /** Decode time in the track's timescale, from the segment's zero. Equals the sum of what came before, but for the first. */
  readonly timestamp: number;
  /** In the track's timescale. */
  readonly duration: number;
  readonly keyFrame: boolean;
  /** Presentation time minus decode time, in the track's timescale; 0 when absent. */
  readonly compositionOffset?: number;
}

/** A run of bytes that ends where the file could be cut and still be played. */
export interface FragmentInfo {
  /** Offset of the fragment's first byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
  /** Earliest time in it and its length, in seconds from the segment's zero. */
  readonly startSeconds: number;
  readonly durationSeconds: number;
  /** It starts with a key frame (or holds sound alone), so that a player can begin here. */
  readonly independent: boolean;
}

/** What makes a growing file a finished one: bytes to append, then bytes to overwrite, synced in that order. */
export interface Finalization {
  readonly append: readonly Uint8Array[];
  readonly patches: readonly { readonly offset: number; readonly data: Uint8Array }[];
}

/**
 * Writes one file as bytes to be appended; it never touches a file itself. Call order: `header()` once, then samples
 * and `cutFragment()` as often as wanted, then `finalize()` once. After the header and after each fragment the bytes
 * so far are a file that plays.
 */
export interface ContainerWriter {
  readonly mimeType: string;
  /** Bytes given out so far. */
  readonly byteLength: number;
  header(): Uint8Array;
  /** From the next sample on, the video track has this format. Its parameter sets are in band as well. */
  setVideoFormat(track: number, format: VideoFormat): void;
  addSample(track: number, sample: Sample): void;
  /** Gives out what was added since the last cut, or nothing when nothing was. */
  cutFragment(): { readonly chunks: readonly Uint8Array[]; readonly info: FragmentInfo } | undefined;
  /** Includes a cut of what is left. */
  finalize(): Finalization;
}
