import { element, Id, unsignedElement } from './ebml.ts';

/** A place to which a player can jump. */
export interface CuePoint {
  readonly timeMs: number;
  readonly trackNumber: number;
  /** Of the cluster, from the start of the file. */
  readonly clusterOffset: number;
}

/** @param segmentStart - offset of the segment's content, from which Matroska counts positions */
export function writeCues(points: readonly CuePoint[], segmentStart: number): Uint8Array<ArrayBuffer> {
  return element(
    Id.cues,
    ...points.map(({ timeMs, trackNumber, clusterOffset }) =>
      element(
        Id.cuePoint,
        unsignedElement(Id.cueTime, timeMs),
        element(
          Id.cueTrackPositions,
          unsignedElement(Id.cueTrack, trackNumber),
          unsignedElement(Id.cueClusterPosition, clusterOffset - segmentStart),
        ),
      ),
    ),
  );
}

/** The block of a cluster that a player can begin with: its first key frame, or where there is no video its first packet. */
export function cueOf(
  blocks: readonly { readonly trackNumber: number; readonly timeMs: number; readonly keyFrame: boolean }[],
  videoTrackNumbers: ReadonlySet<number>,
  clusterOffset: number,
): CuePoint | undefined {
  const isCue = (trackNumber: number, keyFrame: boolean) =>
    videoTrackNumbers.size === 0 || (videoTrackNumbers.has(trackNumber) && keyFrame);
  const block = blocks.find(({ trackNumber, keyFrame }) => isCue(trackNumber, keyFrame));
  return block && { timeMs: Math.max(0, block.timeMs), trackNumber: block.trackNumber, clusterOffset };
}
