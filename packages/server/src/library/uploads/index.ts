export { Pulls } from './pull.ts';
export { receiveWhole, type WholeUpload } from './receive-whole.ts';
export { registerUploadRoutes } from './routes.ts';
export { TusServer } from './tus-server.ts';
export { detailsOf, type UploadRow } from './upload-store.ts';
export { Uploads } from './uploads.ts';
