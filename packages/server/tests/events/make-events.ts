import type { EventType } from '@aircheck/protocol';
import { pino } from 'pino';
import type { Database } from '../../src/db/index.ts';
import {
  type DeliveryFormats,
  Events,
  Outbox,
  queueFormat,
  SafeHttp,
  TargetGuard,
  webhookFormat,
} from '../../src/events/index.ts';

/** Events over a database, with a clock that the test moves. */
export interface TestEvents {
  readonly events: Events;
  readonly outbox: Outbox;
  readonly clock: { nowMs: number; now(): number };
  /** Lets time pass; what is due by then goes out. */
  advance(milliseconds: number): void;
  /** Writes an event down as a change would. */
  append(subject: string, data?: unknown, type?: EventType): Promise<void>;
  /** As a killed process would: nothing more is begun or written down. */
  close(): Promise<void>;
}

export function makeEvents(
  db: Database,
  {
    allow = ['127.0.0.1'],
    formats = {},
    attemptTimeoutMs,
  }: {
    readonly allow?: readonly string[];
    readonly formats?: DeliveryFormats;
    readonly attemptTimeoutMs?: number;
  } = {},
): TestEvents {
  let offsetMs = 0;
  const clock = {
    get nowMs() {
      return Date.now() + offsetMs;
    },
    now: () => Date.now() + offsetMs,
  };
  const outbox = new Outbox(clock);
  const guard = new TargetGuard(allow);
  const http = new SafeHttp(guard);
  const events = new Events({
    db,
    outbox,
    formats: { webhook: webhookFormat(clock), queue: queueFormat, ...formats },
    guard,
    http,
    clock,
    logger: pino({ level: 'silent' }),
    random: () => 0,
    ...(attemptTimeoutMs !== undefined && { attemptTimeoutMs }),
  });
  return {
    events,
    outbox,
    clock,
    advance(milliseconds) {
      offsetMs += milliseconds;
      outbox.wake();
    },
    async append(subject, data = {}, type = 'asset.updated') {
      await db
        .transaction()
        .execute((transaction) => outbox.append(transaction, { appId: 'default', type, subject, data }));
      outbox.wake();
    },
    async close() {
      await events.close();
      http.close();
    },
  };
}
