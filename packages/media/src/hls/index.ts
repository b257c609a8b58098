export { type MasterPlaylistOptions, masterPlaylist } from './master-playlist.ts';
export { type MediaPlaylistOptions, mediaPlaylist } from './media-playlist.ts';
