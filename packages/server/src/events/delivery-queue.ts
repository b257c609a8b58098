import type { DeliveryState } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';
import type { Database, DeliveryRow, SubscriberRow } from '../db/index.ts';
import { type StoredEvent, toStoredEvent } from './formats.ts';
import { nextAttemptAt } from './retry.ts';
import type { Answer } from './sender.ts';

/**
 * How long a delivery is taken for one that is under way, in milliseconds. Longer than any attempt: it matters only where
 * the end of one could not be written down.
 */
const leaseMs = 30_000;

/** A delivery that may be tried now: its event, and to whom it goes. */
export interface DueDelivery {
  readonly delivery: DeliveryRow;
  readonly event: StoredEvent;
}

/** How a delivery came out; `answer` is absent where nothing was sent. */
export interface Outcome {
  readonly state: 'delivered' | 'skipped' | 'refused';
  readonly answer?: Answer;
}

/** What waits for the subscribers, as the database has it: per subject in the order of events, one at a time. */
export class DeliveryQueue {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(db: Database, clock: Clock, random: () => number) {
    this.#db = db;
    this.#clock = clock;
    this.#random = random;
  }

  /** Subscribers that are pushed to and not paused. */
  async subscriberIds(): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('subscribers')
      .select('subscriber_id')
      .where('enabled', '=', 1)
      .where('url', 'is not', null)
      .execute();
    return rows.map((row) => row.subscriber_id);
  }

  /** @returns undefined when there is none such, or it is paused */
  async subscriber(subscriberId: string): Promise<SubscriberRow | undefined> {
    return this.#db
      .selectFrom('subscribers')
      .selectAll()
      .where('subscriber_id', '=', subscriberId)
      .where('enabled', '=', 1)
      .executeTakeFirst();
  }

  /** Takes back every lease of an attempt: there is one server at a time, and its former run is over. */
  async recover(): Promise<void> {
    await this.#db
      .updateTable('deliveries')
      .set({ lease_until: null })
      .where('state', '=', 'pending')
      .where('handle', 'is', null)
      .where('lease_until', 'is not', null)
      .execute();
  }

  /**
   * Leases the first waiting delivery of each subject of a subscriber.
   * @param busy - subjects that have one under way
   */
  claim(subscriberId: string, busy: ReadonlySet<string>, limit: number): Promise<DueDelivery[]> {
    const now = this.#clock.now();
    return this.#db.transaction().execute(async (transaction) => {
      const rows = await transaction
        .selectFrom('deliveries as due')
        .selectAll('due')
        .where('due.subscriber_id', '=', subscriberId)
        .where('due.state', '=', 'pending')
        .where('due.next_at', '<=', now)
        .where((where) => where.or([where('due.lease_until', 'is', null), where('due.lease_until', '<=', now)]))
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('deliveries as earlier')
                .select('earlier.delivery_id')
                .whereRef('earlier.subscriber_id', '=', 'due.subscriber_id')
                .whereRef('earlier.subject', '=', 'due.subject')
                .where('earlier.state', '=', 'pending')
                .whereRef('earlier.event_seq', '<', 'due.event_seq'),
            ),
          ),
        )
        .orderBy('due.next_at')
        .orderBy('due.event_seq')
        .limit(limit + busy.size)
        .execute();
      const subjects = new Set(busy);
      const claimed: DueDelivery[] = [];
      for (const row of rows) {
        if (claimed.length === limit) break;
        if (subjects.has(row.subject)) continue;
        subjects.add(row.subject);
        const leased = await this.#lease(transaction, row, now);
        if (leased !== undefined) claimed.push(leased);
      }
      return claimed;
    });
  }

  /** When the next delivery of a subscriber is due, in milliseconds since 1970. */
  async nextDueAt(subscriberId: string): Promise<number | undefined> {
    const now = this.#clock.now();
    const { at } = await this.#db
      .selectFrom('deliveries')
      .select((select) => select.fn.min('next_at').as('at'))
      .where('subscriber_id', '=', subscriberId)
      .where('state', '=', 'pending')
      .where('next_at', '>', now)
      .executeTakeFirstOrThrow();
    return at ?? undefined;
  }

  /**
   * Writes down how an attempt came out.
   * @param recovered - the subscriber took nothing before: all that waits for it is due now
   * @param goOn - whether to lease the next delivery of the same subject, where it is due
   */
  finish(
    { delivery }: DueDelivery,
    outcome: Outcome,
    { recovered, goOn }: { readonly recovered: boolean; readonly goOn: boolean },
  ): Promise<{ readonly state: DeliveryState; readonly next: DueDelivery | undefined }> {
    const now = this.#clock.now();
    const { delivery_id: deliveryId, subscriber_id: subscriberId, subject } = delivery;
    const attempts = delivery.attempts + (outcome.answer === undefined ? 0 : 1);
    const again =
      outcome.state === 'refused'
        ? nextAttemptAt(now, { attempts, giveUpAt: delivery.give_up_at }, this.#random())
        : undefined;
    const state = outcome.state === 'refused' ? (again === undefined ? 'failed' : 'pending') : outcome.state;
    return this.#db.transaction().execute(async (transaction) => {
      const { numUpdatedRows } = await transaction
        .updateTable('deliveries')
        .set({
          state,
          attempts,
          lease_until: null,
          ...(again !== undefined && { next_at: again }),
          ...(again === undefined && { finished_at: now }),
        })
        .where('delivery_id', '=', deliveryId)
        .executeTakeFirst();
      // Its subscriber was deleted meanwhile.
      if (numUpdatedRows === 0n) return { state, next: undefined };
      if (outcome.answer !== undefined) await this.#log(transaction, deliveryId, attempts, now, outcome.answer);

      const waiting = transaction
        .updateTable('deliveries')
        .where('subscriber_id', '=', subscriberId)
        .where('state', '=', 'pending');
      if (again !== undefined) {
        // What comes after it waits with it, and need not be looked at until then.
        await waiting.set({ next_at: again }).where('subject', '=', subject).where('next_at', '<', again).execute();
        return { state, next: undefined };
      }
      if (recovered) await waiting.set({ next_at: now }).where('next_at', '>', now).execute();
      else await waiting.set({ next_at: now }).where('subject', '=', subject).where('next_at', '>', now).execute();
      return { state, next: goOn ? await this.#leaseNext(transaction, subscriberId, subject, now) : undefined };
    });
  }

  /** Gives a lease back: nothing was attempted. */
  async release({ delivery }: DueDelivery): Promise<void> {
    await this.#db
      .updateTable('deliveries')
      .set({ lease_until: null })
      .where('delivery_id', '=', delivery.delivery_id)
      .where('lease_until', '=', delivery.lease_until)
      .execute();
  }

  async #leaseNext(
    transaction: Database,
    subscriberId: string,
    subject: string,
    now: number,
  ): Promise<DueDelivery | undefined> {
    const row = await transaction
      .selectFrom('deliveries')
      .selectAll()
      .where('subscriber_id', '=', subscriberId)
      .where('subject', '=', subject)
      .where('state', '=', 'pending')
      .orderBy('event_seq')
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? undefined : this.#lease(transaction, row, now);
  }

  async #lease(transaction: Database, row: DeliveryRow, now: number): Promise<DueDelivery | undefined> {
    const event = await transaction
      .selectFrom('events')
      .selectAll()
      .where('seq', '=', row.event_seq)
      .executeTakeFirst();
    const update = transaction.updateTable('deliveries').where('delivery_id', '=', row.delivery_id);
    if (event === undefined) {
      // Told again in the moment in which it was too old to be kept.
      await update.set({ state: 'skipped', finished_at: now }).execute();
      return undefined;
    }
    const leased = { lease_until: now + leaseMs };
    await update.set(leased).execute();
    return { delivery: { ...row, ...leased }, event: toStoredEvent(event) };
  }

  async #log(transaction: Database, deliveryId: string, attempt: number, at: number, answer: Answer): Promise<void> {
    await transaction
      .insertInto('delivery_attempts')
      .values({
        delivery_id: deliveryId,
        attempt,
        at: Math.round(at - answer.latencyMs),
        status: answer.status,
        latency_ms: answer.latencyMs,
        answer: answer.body,
        error: answer.error,
      })
      .execute();
  }
}
