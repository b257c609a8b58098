import { randomUUID } from 'node:crypto';
import type { EventType } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/index.ts';

export interface NewEvent {
  readonly appId: string;
  readonly type: EventType;
  /** What order is kept for: a recording's id, else a file's, a job's, a room's. */
  readonly subject: string;
  /** What the type says; goes out as JSON. */
  readonly data: unknown;
}

/** Takes what has happened: written in the transaction of the change that it tells of, so that neither is without the other. */
export class Outbox {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Writes an event down.
   * @param transaction - the one in which the change itself is written
   */
  async append(transaction: Database, event: NewEvent): Promise<void> {
    await transaction
      .insertInto('events')
      .values({
        event_id: `evt_${randomUUID().replaceAll('-', '')}`,
        app_id: event.appId,
        type: event.type,
        subject: event.subject,
        data: JSON.stringify(event.data),
        created_at: this.#clock.now(),
      })
      .execute();
  }

  /** To be called after the transaction: deliveries begin at once instead of with the next look. */
  wake(): void {
    for (const listener of this.#listeners) listener();
  }

  /** @returns ends the listening */
  onWake(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
