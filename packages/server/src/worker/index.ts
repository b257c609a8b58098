export { MediaWorkers } from './media-workers.ts';
