export { type MixedRoom, MixRecording } from './mix-recording.ts';
