export type {
  GarbageKind,
  PublishOptions,
  ReceivedMedia,
  SentMedia,
  ViewOptions,
} from './contract.ts';
export { SignalingError } from './http-signaling.ts';
export { Impairment, type ImpairmentOptions } from './impairment.ts';
export {
  type OwnWhipPublisher,
  PeerProcess,
  startWhepViewer,
  startWhipPublisher,
  type WhepViewer,
  type WhipPublisher,
} from './peer-process.ts';
