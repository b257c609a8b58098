export { opusSilence, SHORTEST_SILENCE } from './opus-silence.ts';
export { RecordingTimeline } from './recording-timeline.ts';
export { TrackClock } from './track-clock.ts';
