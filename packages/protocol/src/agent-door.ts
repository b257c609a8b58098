import type { AgentStatus } from './agent.ts';
import type { ErrorCode } from './errors.ts';

/** Ports that an agent may listen on; it takes the first one that is free. */
export const AGENT_PORTS: readonly number[] = [17173, 17174, 17175, 17176, 17177];
export const AGENT_SUBPROTOCOL = 'aircheck-agent.v1';
export const AGENT_PROTOCOL_VERSION = 1;
/** How often each side sends a sign of life. */
export const AGENT_HEARTBEAT_MS = 5_000;
/** A side that hears nothing for so long gives the other up: the page tells `heartBeatError`, the agent ends what it records. */
export const AGENT_SILENCE_MS = 35_000;

/**
 * The text whose HMAC-SHA-256, under the secret of pairing, shows that a side has that secret. It names the side, the
 * origin and both nonces, so that no proof can be used in another place or again.
 */
export function agentProofText(
  side: 'agent' | 'page',
  { origin, agentId, pageNonce, agentNonce }: Record<'origin' | 'agentId' | 'pageNonce' | 'agentNonce', string>,
): string {
  return JSON.stringify([AGENT_SUBPROTOCOL, side, origin, agentId, pageNonce, agentNonce]);
}

const statusOfCode: Partial<Record<ErrorCode, AgentStatus>> = {
  'file-exists': 400,
  'path-forbidden': 403,
  'storage-failed': 403,
  'codec-unsupported': 403,
  'storage-full': 2,
  'recording-exists': 3,
  'room-not-found': 404,
  'participant-not-found': 404,
  'track-not-found': 404,
  'recording-not-found': 404,
  'session-not-found': 404,
  unauthenticated: 404,
  'token-expired': 404,
};

/** NetEase's number for an error of the agent, or null for one that it had no number for. */
export function agentStatusOf(code: ErrorCode): AgentStatus | null {
  return statusOfCode[code] ?? null;
}
