export { ApiClient, ApiError } from './api-client.ts';
export { findChromium, launchChromium, launchChromiumWithProfile, type ProfiledChromium } from './browser.ts';
export { type BrowserFixtureOptions, browserFixtureScript } from './browser-fixture.ts';
export { buildAgent, buildSdk } from './build-sdk.ts';
export { CuttingProxy } from './cutting-proxy.ts';
export {
  type CounterBreak,
  type CounterRuns,
  compareCounters,
  counterBreaks,
  counterFaults,
  eventsBesideSlips,
  missingCounters,
  type SoundClock,
  type SyncEvent,
  syncEvents,
  syncSummary,
} from './expectations.ts';
export * from './publisher/index.ts';
export {
  type ProbedStream,
  probeRecording,
  type ReadPicture,
  type RecordingContent,
  readRecording,
  type Span,
} from './read-recording.ts';
export {
  copyFromPage,
  crash,
  durationInPage,
  openRoomPage,
  type PlayedInPage,
  type RecoveredFile,
  type RoomPageOptions,
  type RoomWindow,
  seekInPage,
  startInPage,
  startSite,
  stopInPage,
  takeRecoveredInPage,
} from './room-page.ts';
export { canMount, mountSmallDisk } from './small-disk.ts';
export { installAgent, type RunningAgent, type StartAgentOptions, startAgent } from './start-agent.ts';
export {
  descendantPids,
  type LogLine,
  type RunningServer,
  type ServerProcess,
  type StartServerOptions,
  spawnServer,
  startServer,
} from './start-server.ts';
export * from './synthetic-media/index.ts';
