export { finishLiveWebm, withRoomForIndex } from './finish-live-webm.ts';
export { recoverWebm } from './recover-webm.ts';
export { WebmWriter, type WebmWriterOptions } from './webm-writer.ts';
