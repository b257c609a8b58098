export { type SrtpMasterKey, type SrtpProfile, type SrtpProfileName, srtpProfiles } from './key-derivation.ts';
export { type SrtpKeys, SrtpSession, sealedPacketBytes } from './session.ts';
