import type { AudioTrackOptions, Finalization, VideoTrackOptions } from './container-writer.ts';

/** What a track of a file holds. */
export type TrackSummary = (VideoTrackOptions | AudioTrackOptions) & {
  readonly sampleCount: number;
  /** Sum of its samples' sizes. */
  readonly byteLength: number;
  /** From the file's zero to its first sample. */
  readonly startSeconds: number;
  /** From its first sample's start to its last one's end. */
  readonly durationSeconds: number;
};

export interface FileSummary {
  /** From the file's zero to the end of the track that ends last. */
  readonly durationSeconds: number;
  /** The file has its final index: it is not growing, and not cut off. */
  readonly finished: boolean;
  readonly tracks: readonly TrackSummary[];
}

/** How to make a whole file of one that another program wrote, whatever it holds. */
export interface ForeignRecovery {
  /** What lies behind this offset belongs to nothing: cut the file here, before the finalization's bytes are appended. */
  readonly truncateTo: number;
  /** Nothing to append and to patch when the file is whole already. */
  readonly finalization: Finalization;
  /** From the file's zero to the end of the track that ends last. */
  readonly durationSeconds: number;
}

/** How to make a whole file of one that was cut off. */
export interface Recovery {
  /** What lies behind this offset belongs to nothing: cut the file here, before the finalization's bytes are appended. */
  readonly truncateTo: number;
  /** Nothing to append and to patch when the file is whole already. */
  readonly finalization: Finalization;
  /** What the file holds once that is done. */
  readonly summary: FileSummary;
}
