export { AgentMedia } from './agent-media.ts';
export type { AgentRecording, FileEndReason, RecordedFile } from './agent-recording.ts';
export { type JoinOptions, RoomViewer } from './room-viewer.ts';
export { type UnfinishedFile, UnfinishedFiles } from './unfinished-files.ts';
