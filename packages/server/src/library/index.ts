export type { StoredAsset } from './assets.ts';
export { type AssetOwner, Library } from './library.ts';
export { MediaLinks } from './links.ts';
export { HlsPlaylists } from './playlists.ts';
export { type LibraryRoutesOptions, registerLibraryRoutes } from './routes.ts';
