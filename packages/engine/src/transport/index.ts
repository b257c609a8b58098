export { createClientTransportEngine, createTransportEngine } from './engine.ts';
export type {
  LocalTransportParameters,
  PeerTransport,
  RemoteCandidate,
  RemoteTransportParameters,
  TransportEngine,
  TransportEngineOptions,
  TransportHandlers,
  TransportParameters,
  TransportState,
} from './port.ts';
