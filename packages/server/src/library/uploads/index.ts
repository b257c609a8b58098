export { Pulls } from './pull.ts';
export { registerUploadRoutes } from './routes.ts';
export { TusServer } from './tus-server.ts';
export { toUpload, type UploadRow } from './upload-store.ts';
export { Uploads } from './uploads.ts';
