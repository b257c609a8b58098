export { type AgentFolders, agentFolders, type Computer, thisComputer, xdgFolder } from './agent-folders.ts';
export { AgentLock } from './agent-lock.ts';
export type { OnUnreadable } from './json-file.ts';
export { type PairingCode, Pairings, proofOf } from './pairings.ts';
export { originOf, Settings } from './settings.ts';
