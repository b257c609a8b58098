export { type MasterPlaylistOptions, masterPlaylist } from './master-playlist.ts';
export {
  type MediaPlaylistOptions,
  mediaPlaylist,
  type PackagedPlaylistOptions,
  packagedPlaylist,
} from './media-playlist.ts';
export { groupSegments, longestAllowedSeconds } from './playlist-segment.ts';
