import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { MediaWorkers } from '../worker/index.ts';
import type { MeetingLog } from './meeting-log.ts';
import type { PeerStates } from './peer-states.ts';
import type { Timers } from './timers.ts';

/** What every part of a live room works with. */
export interface RoomContext {
  readonly workers: Pick<MediaWorkers, 'request'>;
  readonly peerStates: PeerStates;
  readonly meetings: MeetingLog;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** How long somebody who lost the connection keeps the place in the room. */
  readonly graceMs: number;
}

/** An id that nobody can guess: who knows the id of a session may take it over. */
export function createId(): string {
  return randomBytes(16).toString('base64url');
}
