export { createTransportEngine } from './engine.ts';
export type {
  LocalTransportParameters,
  PeerTransport,
  RemoteTransportParameters,
  TransportEngine,
  TransportEngineOptions,
  TransportHandlers,
  TransportParameters,
  TransportState,
} from './port.ts';
