import { randomUUID } from 'node:crypto';
import type { EventType } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';
import type { Database, DeliveryRow } from '../db/index.ts';
import { giveUpAfterMs } from './retry.ts';

export interface NewEvent {
  readonly appId: string;
  readonly type: EventType;
  /** What order is kept for: a recording's id, else a file's, a job's, a room's. */
  readonly subject: string;
  /** What the type says; goes out as JSON. */
  readonly data: unknown;
}

/** An event that has been written down. */
export interface AppendedEvent {
  readonly seq: number;
  readonly eventId: string;
  readonly subject: string;
}

/** Takes what has happened: written in the transaction of the change that it tells of, so that neither is without the other. */
export class Outbox {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Writes an event down, and a delivery for each of the app's subscribers that wants it. No second step hands events
   * out, so that none can be passed over, in whatever order transactions are committed.
   * @param transaction - the one in which the change itself is written
   */
  async append(transaction: Database, event: NewEvent): Promise<void> {
    const appended = await this.appendUndelivered(transaction, event);
    const subscribers = await transaction
      .selectFrom('subscribers')
      .select(['subscriber_id', 'types'])
      .where('app_id', '=', event.appId)
      .execute();
    const wanting = subscribers.filter(({ types }) => wants(JSON.parse(types) as string[], event.type));
    await this.#enter(
      transaction,
      wanting.map(({ subscriber_id }) => this.#delivery(event.appId, subscriber_id, appended)),
    );
  }

  /** Writes an event down that nobody is told of, but for whom {@link deliver} names. */
  async appendUndelivered(transaction: Database, event: NewEvent): Promise<AppendedEvent> {
    const { seq, event_id: eventId } = await transaction
      .insertInto('events')
      .values({
        event_id: `evt_${randomUUID().replaceAll('-', '')}`,
        app_id: event.appId,
        type: event.type,
        subject: event.subject,
        data: JSON.stringify(event.data),
        created_at: this.#clock.now(),
      })
      .returning(['seq', 'event_id'])
      .executeTakeFirstOrThrow();
    return { seq, eventId, subject: event.subject };
  }

  /**
   * Has a subscriber told of events, whether it was told before or not.
   * @returns the ids of the deliveries
   */
  async deliver(
    transaction: Database,
    appId: string,
    subscriberId: string,
    events: readonly AppendedEvent[],
  ): Promise<string[]> {
    const rows = events.map((event) => this.#delivery(appId, subscriberId, event));
    await this.#enter(transaction, rows);
    return rows.map((row) => row.delivery_id);
  }

  #delivery(appId: string, subscriberId: string, { seq, eventId, subject }: AppendedEvent): DeliveryRow {
    const now = this.#clock.now();
    return {
      delivery_id: `dlv_${randomUUID().replaceAll('-', '')}`,
      subscriber_id: subscriberId,
      app_id: appId,
      event_seq: seq,
      event_id: eventId,
      subject,
      state: 'pending',
      attempts: 0,
      next_at: now,
      give_up_at: now + giveUpAfterMs,
      lease_until: null,
      handle: null,
      created_at: now,
      finished_at: null,
    };
  }

  async #enter(transaction: Database, rows: readonly DeliveryRow[]): Promise<void> {
    if (rows.length > 0) await transaction.insertInto('deliveries').values(rows).execute();
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

/** Whether a filter of event types, areas (`recording.*`) and `*` lets a type through. */
export function wants(filter: readonly string[], type: string): boolean {
  const area = `${type.slice(0, type.indexOf('.'))}.*`;
  return filter.some((entry) => entry === '*' || entry === area || entry === type);
}
