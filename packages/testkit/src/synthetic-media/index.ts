export { splitAnnexB } from './annex-b.ts';
export { type ClipOptions, type EncodedClip, encodeClip, readClip } from './clip.ts';
export type { EncodedPicture, PictureOptions } from './encoders.ts';
export { READ_HEIGHT, READ_WIDTH, readMarker } from './marker.ts';
export { ClipSource, type MediaSource } from './media-source.ts';
export { seededRandom } from './random.ts';
export { TestPicture } from './test-picture.ts';
export { SAMPLE_RATE, testSound } from './test-sound.ts';
