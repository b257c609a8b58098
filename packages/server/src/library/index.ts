export type { AssetOwner, NewFile } from './asset-entry.ts';
export type { AssetFilter } from './asset-list.ts';
export type { AssetChanges } from './asset-update.ts';
export { requireAssetRow, type StoredAsset, subjectOf, toStoredAsset } from './assets.ts';
export { Classes, defaultClassId, maxClassLevel } from './classes.ts';
export { listDerivatives, type NewDerivative, type StoredDerivative } from './derivatives.ts';
export {
  type EnqueueRemoval,
  Library,
  type LibraryOptions,
  type ReadyHook,
} from './library.ts';
export { MediaLinks } from './links.ts';
export { type GrantedLink, type MediaRoutesOptions, registerMediaRoutes } from './media-routes.ts';
export { type LinkOptions, MediaUrls, type MediaUrlsOptions } from './media-urls.ts';
export type { RemovalReason } from './recycling.ts';
export { Removals } from './removals.ts';
export { type LibraryRoutesOptions, registerLibraryRoutes } from './routes.ts';
export { ServedBytes, type ServedBytesOptions } from './served-bytes.ts';
export { Settings } from './settings.ts';
export { registerLibrarySettingsRoutes } from './settings-routes.ts';
export { Sweeper } from './sweeper.ts';
export {
  detailsOf,
  Pulls,
  receiveWhole,
  registerUploadRoutes,
  TusServer,
  type UploadRow,
  Uploads,
} from './uploads/index.ts';
