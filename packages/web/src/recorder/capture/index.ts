export { type Receivers, watchLipSync } from './lip-sync.ts';
export { feedPictures, type Post } from './picture-feed.ts';
export {
  followTracks,
  type RecordedTracks,
  type RecordedTracksListener,
  type TrackFollower,
} from './recorded-tracks.ts';
export { createSoundFeed, type SoundFeed } from './sound-feed.ts';
