import {
  AircheckError,
  type Delivery,
  type DeliveryList,
  DeliveryQuery,
  type DeliveryState,
  type Event,
  type EventList,
  EventQuery,
  type EventType,
  ReplayRequest,
} from '@aircheck/protocol';
import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import { type Database, type DeliveryAttemptRow, type DeliveryRow, decodeCursor, encodeCursor } from '../db/index.ts';
import { parkedAt } from './delivery-queue.ts';
import { toStoredEvent } from './formats.ts';
import { type Outbox, wants } from './outbox.ts';
import { giveUpAfterMs } from './retry.ts';
import type { Subscribers } from './subscribers.ts';
import { toEvent } from './webhook-format.ts';

export interface DeliveriesOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly subscribers: Subscribers;
  readonly clock: Clock;
}

type DeliveryWithType = DeliveryRow & { readonly type: string };

/** Events that are told again are entered so many at a time. */
const replayChunk = 500;

/** What has happened in an app, and how the telling of it went. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #db: Database;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#db = options.db;
  }

  /** One page of an app's events, newest first. */
  async listEvents(appId: string, input: z.input<typeof EventQuery>): Promise<z.infer<typeof EventList>> {
    const { type, subject, cursor, limit } = EventQuery.parse(input);
    let query = this.#db.selectFrom('events').selectAll().where('app_id', '=', appId);
    if (type !== undefined) query = query.where('type', '=', type);
    if (subject !== undefined) query = query.where('subject', '=', subject);
    if (cursor !== undefined) query = query.where('seq', '<', decodeCursor(cursor).at);
    const rows = await query
      .orderBy('seq', 'desc')
      .limit(limit + 1)
      .execute();
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return {
      items: rows.slice(0, limit).map((row) => toEvent(toStoredEvent(row))),
      nextCursor: last === undefined ? null : encodeCursor({ at: last.seq, id: last.event_id }),
    };
  }

  /** @throws AircheckError `event-not-found` */
  async getEvent(appId: string, eventId: string): Promise<Event> {
    const row = await this.#db
      .selectFrom('events')
      .selectAll()
      .where('event_id', '=', eventId)
      .where('app_id', '=', appId)
      .executeTakeFirst();
    if (row === undefined) throw new AircheckError('event-not-found', `There is no event ${eventId}`);
    return toEvent(toStoredEvent(row));
  }

  /** One page of an app's deliveries, newest first, each with its last attempt. */
  async list(appId: string, input: z.input<typeof DeliveryQuery>): Promise<z.infer<typeof DeliveryList>> {
    const { subscriberId, eventId, state, cursor, limit } = DeliveryQuery.parse(input);
    let query = this.#select().where('deliveries.app_id', '=', appId);
    if (subscriberId !== undefined) query = query.where('deliveries.subscriber_id', '=', subscriberId);
    if (eventId !== undefined) query = query.where('events.event_id', '=', eventId);
    if (state !== undefined) query = query.where('deliveries.state', '=', state);
    if (cursor !== undefined) {
      const { at, id } = decodeCursor(cursor);
      query = query.where((where) =>
        where.or([
          where('deliveries.created_at', '<', at),
          where.and([where('deliveries.created_at', '=', at), where('deliveries.delivery_id', '<', id)]),
        ]),
      );
    }
    const rows = await query
      .orderBy('deliveries.created_at', 'desc')
      .orderBy('deliveries.delivery_id', 'desc')
      .limit(limit + 1)
      .execute();
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    const attempts = page.length === 0 ? [] : await this.#lastAttempts(page);
    const byDelivery = Map.groupBy(attempts, (attempt) => attempt.delivery_id);
    return {
      items: page.map((row) => toDelivery(row, byDelivery.get(row.delivery_id) ?? [])),
      nextCursor: last === undefined ? null : encodeCursor({ at: last.created_at, id: last.delivery_id }),
    };
  }

  /** A delivery with every attempt. @throws AircheckError `delivery-not-found` */
  async get(appId: string, deliveryId: string): Promise<Delivery> {
    const row = await this.#select()
      .where('deliveries.delivery_id', '=', deliveryId)
      .where('deliveries.app_id', '=', appId)
      .executeTakeFirst();
    if (row === undefined) throw new AircheckError('delivery-not-found', `There is no delivery ${deliveryId}`);
    const attempts = await this.#db
      .selectFrom('delivery_attempts')
      .selectAll()
      .where('delivery_id', '=', deliveryId)
      .orderBy('attempt')
      .execute();
    return toDelivery(row, attempts);
  }

  /**
   * Has a delivery tried at once and, from now on, for 72 hours, in whatever state it is.
   * @throws AircheckError `delivery-not-found`
   */
  async retry(appId: string, deliveryId: string): Promise<Delivery> {
    const now = this.#options.clock.now();
    await this.#db
      .updateTable('deliveries')
      .set({ state: 'pending', next_at: now, give_up_at: now + giveUpAfterMs, finished_at: null })
      .where('delivery_id', '=', deliveryId)
      .where('app_id', '=', appId)
      .execute();
    const delivery = await this.get(appId, deliveryId);
    this.#options.outbox.wake();
    return delivery;
  }

  /**
   * Tells a subscriber events again: those named, or those of a time range that its filter lets through. What it waits for
   * anyway is not told twice.
   * @returns how many deliveries were made
   * @throws AircheckError `subscriber-not-found`; `event-not-found` that names the first one that is not there;
   *   `request-invalid` for a range that ends before it begins
   */
  async replay(appId: string, subscriberId: string, input: z.input<typeof ReplayRequest>): Promise<number> {
    const request = ReplayRequest.parse(input);
    const { types } = await this.#options.subscribers.row(appId, subscriberId);
    const filter = JSON.parse(types) as string[];
    if ('eventIds' in request) await this.#requireEvents(appId, request.eventIds);
    else if (Date.parse(request.to) < Date.parse(request.from)) {
      throw new AircheckError('request-invalid', 'to lies before from', { input: 'body.to' });
    }
    let made = 0;
    let after = 0;
    for (;;) {
      let query = this.#db
        .selectFrom('events')
        .select(['seq', 'event_id', 'subject', 'type'])
        .where('app_id', '=', appId)
        .where('seq', '>', after);
      query =
        'eventIds' in request
          ? query.where('event_id', 'in', request.eventIds)
          : query
              .where('created_at', '>=', Date.parse(request.from))
              .where('created_at', '<=', Date.parse(request.to))
              .where('type', '!=', 'subscriber.test');
      const events = await query.orderBy('seq').limit(replayChunk).execute();
      const wanted = 'eventIds' in request ? events : events.filter(({ type }) => wants(filter, type));
      made += await this.#deliverAgain(appId, subscriberId, wanted);
      if (events.length < replayChunk) break;
      after = events.at(-1)!.seq;
    }
    this.#options.outbox.wake();
    return made;
  }

  #deliverAgain(
    appId: string,
    subscriberId: string,
    events: readonly { readonly seq: number; readonly event_id: string; readonly subject: string }[],
  ): Promise<number> {
    if (events.length === 0) return Promise.resolve(0);
    return this.#db.transaction().execute(async (transaction) => {
      const waiting = await transaction
        .selectFrom('deliveries')
        .select('event_seq')
        .where('subscriber_id', '=', subscriberId)
        .where('state', '=', 'pending')
        .where(
          'event_seq',
          'in',
          events.map(({ seq }) => seq),
        )
        .execute();
      const pending = new Set(waiting.map((row) => row.event_seq));
      const told = events
        .filter(({ seq }) => !pending.has(seq))
        .map(({ seq, event_id: eventId, subject }) => ({ seq, eventId, subject }));
      await this.#options.outbox.deliver(transaction, appId, subscriberId, told);
      return told.length;
    });
  }

  async #requireEvents(appId: string, eventIds: readonly string[]): Promise<void> {
    const rows = await this.#db
      .selectFrom('events')
      .select('event_id')
      .where('app_id', '=', appId)
      .where('event_id', 'in', eventIds)
      .execute();
    const found = new Set(rows.map((row) => row.event_id));
    const missing = eventIds.find((eventId) => !found.has(eventId));
    if (missing === undefined) return;
    throw new AircheckError('event-not-found', `There is no event ${missing}`, { input: 'body.eventIds' });
  }

  #select() {
    return this.#db
      .selectFrom('deliveries')
      .innerJoin('events', 'events.seq', 'deliveries.event_seq')
      .selectAll('deliveries')
      .select('events.type');
  }

  #lastAttempts(rows: readonly DeliveryRow[]): Promise<DeliveryAttemptRow[]> {
    return this.#db
      .selectFrom('delivery_attempts')
      .innerJoin('deliveries', (join) =>
        join
          .onRef('deliveries.delivery_id', '=', 'delivery_attempts.delivery_id')
          .onRef('deliveries.attempts', '=', 'delivery_attempts.attempt'),
      )
      .selectAll('delivery_attempts')
      .where(
        'delivery_attempts.delivery_id',
        'in',
        rows.map((row) => row.delivery_id),
      )
      .execute();
  }
}

function toDelivery(row: DeliveryWithType, attempts: readonly DeliveryAttemptRow[]): Delivery {
  return {
    deliveryId: row.delivery_id,
    subscriberId: row.subscriber_id,
    eventId: row.event_id,
    type: row.type as EventType,
    subject: row.subject,
    state: row.state as DeliveryState,
    attempts: row.attempts,
    // What waits for an earlier one of its subject has no time of its own, parked or not yet.
    nextAttemptAt:
      row.state === 'pending' && row.next_at > row.created_at && row.next_at < parkedAt
        ? new Date(row.next_at).toISOString()
        : null,
    createdAt: new Date(row.created_at).toISOString(),
    log: attempts.map(({ attempt, at, status, latency_ms: latencyMs, answer, error }) => ({
      attempt,
      at: new Date(at).toISOString(),
      status,
      latencyMs,
      answer,
      error,
    })),
  };
}
