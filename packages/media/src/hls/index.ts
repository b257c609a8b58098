export { type MasterPlaylistOptions, masterPlaylist } from './master-playlist.ts';
export {
  type ChainedPlaylistOptions,
  chainedPlaylist,
  type MediaPlaylistOptions,
  mediaPlaylist,
  type PackagedPlaylistOptions,
  type PlaylistPart,
  packagedPlaylist,
} from './media-playlist.ts';
export { groupSegments, longestAllowedSeconds } from './playlist-segment.ts';
