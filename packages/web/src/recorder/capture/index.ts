export { BuiltInCapture, builtInMimeType } from './built-in-capture.ts';
export type { Capture } from './capture.ts';
export { keepSoundFlowing } from './flowing-sound.ts';
export { followTracks, type TrackFollower } from './recorded-tracks.ts';
export { TrackCapture } from './track-capture.ts';
