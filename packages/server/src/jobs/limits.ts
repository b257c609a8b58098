import { AircheckError, type Asset } from '@aircheck/protocol';

/** What jobs take at most; checked before work starts. */
export const limits = {
  /** A day: longer ones are cut first. */
  durationMs: 24 * 3_600_000,
  /** Pixels of a side of the picture. */
  pictureSide: 8192,
  concatFiles: 500,
  /** Bytes of all files together, as Tencent's ConcatVideo. */
  concatBytes: 10 * 2 ** 30,
  /** Milliseconds that a clip has at least. */
  clipMs: 40,
} as const;

/** @throws AircheckError `asset-state` for a file that still grows, failed, or is in the recycle bin */
export function requireReady({ fileId, state }: Asset): void {
  if (state === 'ready') return;
  throw new AircheckError('asset-state', `The file ${fileId} is ${state}; jobs take files that are ready`);
}

/** @throws AircheckError `media-invalid` for what is too long or too large to be decoded, or has neither picture nor sound */
export function requireDecodable({ fileId, durationMs, video, audio }: Asset): void {
  if (video === null && audio === null) {
    throw new AircheckError('media-invalid', `The file ${fileId} has neither picture nor sound`);
  }
  if (durationMs > limits.durationMs) {
    throw new AircheckError(
      'media-invalid',
      `The file ${fileId} is longer than ${limits.durationMs / 3_600_000} hours`,
    );
  }
  if (video !== null && Math.max(video.width, video.height) > limits.pictureSide) {
    throw new AircheckError(
      'media-invalid',
      `The picture of ${fileId} is ${video.width} × ${video.height}, at most ${limits.pictureSide} a side are taken`,
    );
  }
}

/** @throws AircheckError `media-invalid` for a file without a picture */
export function requirePicture(asset: Asset): void {
  requireDecodable(asset);
  if (asset.video === null) throw new AircheckError('media-invalid', `The file ${asset.fileId} has no picture`);
}
