import { randomBytes } from 'node:crypto';
import { AircheckError } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';
import type { Database, DeliveryRow, SubscriberRow } from '../db/index.ts';
import { SerialTasks } from '../serial-tasks.ts';
import {
  type DeliveryFormats,
  formatOf,
  isQueueKind,
  type QueueKind,
  type StoredEvent,
  toFormatSubscriber,
  toStoredEvent,
} from './formats.ts';
import type { Outbox } from './outbox.ts';

/** How long a handle is good, in milliseconds. What is not confirmed by then is given out again. */
export const handleMs = 30_000;

/** How often a pull that waits looks without being woken: handles of others run out, in milliseconds. */
const lookEveryMs = 1000;

export interface PullRequest {
  readonly limit: number;
  /** How long to wait for a first event. */
  readonly waitMs: number;
  readonly kind: QueueKind;
  /** One queue; all of the kind when absent. */
  readonly subscriberId?: string;
  /** The caller has gone. */
  readonly signal?: AbortSignal;
}

export interface PulledEvent {
  readonly handle: string;
  readonly event: StoredEvent;
  /** What the format of the queue's kind writes. */
  readonly body: string;
}

/**
 * Events that their subscriber fetches. A handle goes out with each; confirmed within 30 s, the event is delivered. While
 * events of a subject are out, later ones of the same subject are not given to anybody.
 */
export class EventQueue {
  readonly #db: Database;
  readonly #outbox: Outbox;
  readonly #formats: DeliveryFormats;
  readonly #clock: Clock;
  /** Pulls of one queue are one after another: two at once would split a subject between them. */
  readonly #turns = new SerialTasks();
  /** Ends the waiting of each pull that waits. */
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(options: {
    readonly db: Database;
    readonly outbox: Outbox;
    readonly formats: DeliveryFormats;
    readonly clock: Clock;
  }) {
    this.#db = options.db;
    this.#outbox = options.outbox;
    this.#formats = options.formats;
    this.#clock = options.clock;
  }

  /**
   * Hands out events, oldest first; waits for the first one.
   * @returns none when there were none in the time, or the queue is paused
   * @throws AircheckError `subscriber-not-found` for a subscriber that is no queue of this kind
   */
  async pull(appId: string, request: PullRequest): Promise<PulledEvent[]> {
    const { limit, waitMs, kind, subscriberId, signal } = request;
    const deadline = performance.now() + waitMs;
    for (;;) {
      const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
      const gone = () => wake();
      // Before the look: what comes during it must wake.
      const unlisten = this.#outbox.onWake(wake);
      const pulled: PulledEvent[] = [];
      let timer: NodeJS.Timeout | undefined;
      try {
        for (const queue of await this.#queues(appId, kind, subscriberId)) {
          if (pulled.length === limit) break;
          const take = () => this.#take(queue, limit - pulled.length);
          pulled.push(...(await this.#turns.run(queue.subscriber_id, take)));
        }
        const leftMs = deadline - performance.now();
        if (pulled.length > 0 || leftMs <= 0 || this.#closed || signal?.aborted === true) return pulled;
        timer = setTimeout(wake, Math.min(leftMs, lookEveryMs));
        this.#waiting.add(wake);
        signal?.addEventListener('abort', gone);
        await woken;
      } finally {
        clearTimeout(timer);
        unlisten();
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', gone);
      }
    }
  }

  /**
   * Takes events as delivered.
   * @param of - the queue or the kind of queues that the handles must be of
   * @returns how many; handles that are unknown, used or older than 30 s do not count
   */
  async confirm(
    appId: string,
    handles: readonly string[],
    of: { readonly subscriberId?: string; readonly kind?: QueueKind } = {},
  ): Promise<number> {
    if (handles.length === 0) return 0;
    const now = this.#clock.now();
    const { numUpdatedRows } = await this.#db
      .updateTable('deliveries')
      .set({ state: 'delivered', finished_at: now, lease_until: null })
      .where('app_id', '=', appId)
      .where('handle', 'in', handles)
      .where('state', '=', 'pending')
      .where('lease_until', '>', now)
      .$if(of.subscriberId !== undefined, (query) => query.where('subscriber_id', '=', of.subscriberId!))
      .$if(of.kind !== undefined, (query) =>
        query.where('subscriber_id', 'in', (select) =>
          select.selectFrom('subscribers').select('subscriber_id').where('kind', '=', of.kind!),
        ),
      )
      .executeTakeFirst();
    // Later events of these subjects may go out now.
    if (numUpdatedRows > 0n) this.#outbox.wake();
    return Number(numUpdatedRows);
  }

  /** Has all that wait answered with nothing. */
  close(): void {
    this.#closed = true;
    for (const wake of this.#waiting) wake();
  }

  async #queues(appId: string, kind: QueueKind, subscriberId: string | undefined): Promise<SubscriberRow[]> {
    let query = this.#db.selectFrom('subscribers').selectAll().where('app_id', '=', appId).where('kind', '=', kind);
    if (subscriberId !== undefined) query = query.where('subscriber_id', '=', subscriberId);
    const rows = await query.orderBy('created_at').orderBy('subscriber_id').execute();
    if (subscriberId !== undefined && rows.length === 0) {
      throw new AircheckError('subscriber-not-found', `There is no subscriber ${subscriberId} of kind ${kind}`);
    }
    return rows.filter((row) => row.enabled === 1 && isQueueKind(row.kind));
  }

  /** Leases waiting events of a queue until there are enough, or no more. */
  async #take(queue: SubscriberRow, limit: number): Promise<PulledEvent[]> {
    const format = formatOf(this.#formats, queue.kind);
    const pulled: PulledEvent[] = [];
    while (pulled.length < limit) {
      const rows = await this.#due(queue.subscriber_id, limit - pulled.length);
      if (rows.length === 0) break;
      // Outside of the transaction: a format may ask the database itself.
      const rendered = await Promise.all(
        rows.map(async ({ delivery, event }) => ({
          delivery,
          event,
          body: (await format.render(event, toFormatSubscriber(queue)))?.body,
          handle: randomBytes(18).toString('base64url'),
        })),
      );
      const now = this.#clock.now();
      await this.#db.transaction().execute(async (transaction) => {
        for (const { delivery, body, handle } of rendered) {
          await transaction
            .updateTable('deliveries')
            .set(
              body === undefined
                ? { state: 'skipped', finished_at: now }
                : { handle, lease_until: now + handleMs, attempts: delivery.attempts + 1 },
            )
            .where('delivery_id', '=', delivery.delivery_id)
            .execute();
        }
      });
      for (const { event, body, handle } of rendered) {
        if (body !== undefined) pulled.push({ handle, event, body });
      }
    }
    return pulled;
  }

  async #due(
    subscriberId: string,
    limit: number,
  ): Promise<{ readonly delivery: DeliveryRow; readonly event: StoredEvent }[]> {
    const now = this.#clock.now();
    const rows = await this.#db
      .selectFrom('deliveries as waiting')
      .innerJoin('events', 'events.seq', 'waiting.event_seq')
      .selectAll('waiting')
      .select(['events.type as event_type', 'events.data as event_data', 'events.created_at as event_created_at'])
      .where('waiting.subscriber_id', '=', subscriberId)
      .where('waiting.state', '=', 'pending')
      .where((where) => where.or([where('waiting.lease_until', 'is', null), where('waiting.lease_until', '<=', now)]))
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('deliveries as out')
              .select('out.delivery_id')
              .whereRef('out.subscriber_id', '=', 'waiting.subscriber_id')
              .whereRef('out.subject', '=', 'waiting.subject')
              .where('out.state', '=', 'pending')
              .where('out.lease_until', '>', now)
              .whereRef('out.event_seq', '<', 'waiting.event_seq'),
          ),
        ),
      )
      .orderBy('waiting.event_seq')
      .orderBy('waiting.delivery_id')
      .limit(limit)
      .execute();
    return rows.map(({ event_type, event_data, event_created_at, ...delivery }) => ({
      delivery,
      event: toStoredEvent({
        seq: delivery.event_seq,
        event_id: delivery.event_id,
        app_id: delivery.app_id,
        type: event_type,
        subject: delivery.subject,
        data: event_data,
        created_at: event_created_at,
      }),
    }));
  }
}
