import type { Clock } from '../clock.ts';
import type { Database, DeliveryRow, SubscriberRow } from '../db/index.ts';
import { SerialTasks } from '../serial-tasks.ts';
import { type StoredEvent, toStoredEvent } from './formats.ts';
import { nextAttemptAt } from './retry.ts';
import type { Answer } from './sender.ts';

/**
 * How long a delivery is taken for one that is under way, in milliseconds. Longer than any attempt: it matters only where
 * the end of one could not be written down.
 */
const leaseMs = 30_000;

/**
 * `next_at` of a delivery that waits for an earlier one of its subject: past all times, so that what is due is found
 * without looking at what waits, however much that is. Every transaction leaves the first one of each subject unparked.
 */
export const parkedAt = 8_640_000_000_000_000;

/** Due deliveries that are looked at together. */
const chunk = 100;

/**
 * How many that wait for earlier ones of their subjects are parked together: each time is a commit, which an event would
 * cost for every subscriber that is slow or gone. Below {@link chunk} by more than a claim takes, so that a full chunk is
 * never looked at twice.
 */
const parkedTogether = 50;

/** A delivery that may be tried now: its event, and to whom it goes. */
export interface DueDelivery {
  readonly delivery: DeliveryRow;
  readonly event: StoredEvent;
}

/** How a delivery came out; `answer` is absent where nothing was sent. One that is put off has not been attempted. */
export type Outcome =
  | { readonly state: 'delivered' | 'skipped' | 'refused'; readonly answer?: Answer }
  | { readonly state: 'put-off'; readonly afterMs: number; readonly answer?: undefined };

/** What waits for the subscribers, as the database has it: per subject in the order of events, one at a time. */
export class DeliveryQueue {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Of one subscriber, claims and ends are one after another: neither must miss what the other leaves to it. */
  readonly #turns = new SerialTasks();

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
      .where('lease_until', 'is not', null)
      .where('handle', 'is', null)
      .execute();
  }

  /** Has all that is parked looked at again: what it waited for has been removed. */
  async unpark(): Promise<void> {
    await this.#db
      .updateTable('deliveries')
      .set({ next_at: this.#clock.now() })
      .where('state', '=', 'pending')
      .where('next_at', '=', parkedAt)
      .execute();
  }

  /** Leases the first waiting delivery of each subject of a subscriber, and parks what is due behind others. */
  claim(subscriberId: string, limit: number): Promise<DueDelivery[]> {
    return this.#turns.run(subscriberId, () =>
      this.#db.transaction().execute(async (transaction) => {
        const now = this.#clock.now();
        const looked = new Set<string>();
        const claimed: DueDelivery[] = [];
        while (claimed.length < limit) {
          const rows = await this.#due(transaction, subscriberId, now);
          const claimedIds = new Set<string>();
          const behind: string[] = [];
          for (const { delivery_id: deliveryId, subject } of rows) {
            if (claimed.length === limit) break;
            const leased = looked.has(subject)
              ? undefined
              : await this.#leaseFirst(transaction, subscriberId, subject, now);
            looked.add(subject);
            if (leased !== undefined) {
              claimed.push(leased);
              claimedIds.add(leased.delivery.delivery_id);
            }
            if (!claimedIds.has(deliveryId)) behind.push(deliveryId);
          }
          if (behind.length >= parkedTogether) await this.#park(transaction, behind);
          if (rows.length < chunk) break;
        }
        return claimed;
      }),
    );
  }

  /**
   * When the next delivery of a subscriber is due, in milliseconds since 1970.
   * @param since - when the last claim began: what has become due meanwhile must not be missed
   */
  async nextDueAt(subscriberId: string, since: number): Promise<number | undefined> {
    const { at } = await this.#db
      .selectFrom('deliveries')
      .select((select) => select.fn.min('next_at').as('at'))
      .where('subscriber_id', '=', subscriberId)
      .where('state', '=', 'pending')
      .where('next_at', '>', since)
      .where('next_at', '<', parkedAt)
      .executeTakeFirstOrThrow();
    return at ?? undefined;
  }

  /**
   * Writes down how an attempt came out.
   * @param recovered - the subscriber took nothing before: all that waits for it is due now
   * @param goOn - whether to lease the next delivery of the same subject
   * @returns that one
   */
  finish(
    { delivery }: DueDelivery,
    outcome: Outcome,
    { recovered, goOn }: { readonly recovered: boolean; readonly goOn: boolean },
  ): Promise<DueDelivery | undefined> {
    const now = this.#clock.now();
    const { delivery_id: deliveryId, subscriber_id: subscriberId, subject } = delivery;
    const attempts = delivery.attempts + (outcome.answer === undefined ? 0 : 1);
    let state: 'delivered' | 'skipped' | 'failed' | 'pending';
    let again: number | undefined;
    if (outcome.state === 'put-off') {
      state = 'pending';
      again = now + outcome.afterMs;
    } else if (outcome.state === 'refused') {
      again = nextAttemptAt(now, { attempts, giveUpAt: delivery.give_up_at }, this.#random());
      state = again === undefined ? 'failed' : 'pending';
    } else state = outcome.state;
    return this.#turns.run(subscriberId, () =>
      this.#db.transaction().execute(async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable('deliveries')
          .set({
            state,
            attempts,
            lease_until: null,
            ...(again === undefined ? { finished_at: now } : { next_at: again }),
          })
          .where('delivery_id', '=', deliveryId)
          .executeTakeFirst();
        // Its subscriber was deleted meanwhile.
        if (numUpdatedRows === 0n) return undefined;
        if (outcome.answer !== undefined) await this.#log(transaction, deliveryId, attempts, now, outcome.answer);
        if (again !== undefined) return undefined;
        if (recovered) await this.#hurry(transaction, subscriberId, now);
        const next = await this.#leaseFirst(transaction, subscriberId, subject, now);
        if (goOn || next === undefined) return next;
        await this.#release(transaction, next);
        return undefined;
      }),
    );
  }

  /** Gives a lease back: nothing was attempted. */
  release(due: DueDelivery): Promise<void> {
    return this.#release(this.#db, due);
  }

  async #release(db: Database, { delivery }: DueDelivery): Promise<void> {
    await db
      .updateTable('deliveries')
      .set({ lease_until: null })
      .where('delivery_id', '=', delivery.delivery_id)
      .where('lease_until', '=', delivery.lease_until)
      .execute();
  }

  #due(
    transaction: Database,
    subscriberId: string,
    now: number,
  ): Promise<Pick<DeliveryRow, 'delivery_id' | 'subject'>[]> {
    return transaction
      .selectFrom('deliveries')
      .select(['delivery_id', 'subject'])
      .where('subscriber_id', '=', subscriberId)
      .where('state', '=', 'pending')
      .where('next_at', '<=', now)
      .where((where) => where.or([where('lease_until', 'is', null), where('lease_until', '<=', now)]))
      .orderBy('next_at')
      .orderBy('event_seq')
      .limit(chunk)
      .execute();
  }

  async #park(transaction: Database, deliveryIds: readonly string[]): Promise<void> {
    await transaction
      .updateTable('deliveries')
      .set({ next_at: parkedAt })
      .where('delivery_id', 'in', deliveryIds)
      .execute();
  }

  /** All that waits for another attempt is due now. */
  async #hurry(transaction: Database, subscriberId: string, now: number): Promise<void> {
    await transaction
      .updateTable('deliveries')
      .set({ next_at: now })
      .where('subscriber_id', '=', subscriberId)
      .where('state', '=', 'pending')
      .where('next_at', '>', now)
      .where('next_at', '<', parkedAt)
      .execute();
  }

  /** @returns undefined when there is none, it is under way, or it waits for another attempt */
  async #leaseFirst(
    transaction: Database,
    subscriberId: string,
    subject: string,
    now: number,
  ): Promise<DueDelivery | undefined> {
    for (;;) {
      const first = await transaction
        .selectFrom('deliveries')
        .selectAll()
        .where('subscriber_id', '=', subscriberId)
        .where('subject', '=', subject)
        .where('state', '=', 'pending')
        .orderBy('event_seq')
        .orderBy('delivery_id')
        .limit(1)
        .executeTakeFirst();
      if (first === undefined) return undefined;
      const waits = first.next_at > now && first.next_at !== parkedAt;
      if (waits || (first.lease_until ?? 0) > now) return undefined;
      const event = await transaction
        .selectFrom('events')
        .selectAll()
        .where('seq', '=', first.event_seq)
        .executeTakeFirst();
      const update = transaction.updateTable('deliveries').where('delivery_id', '=', first.delivery_id);
      if (event === undefined) {
        // Told again in the moment in which it was too old to be kept.
        await update.set({ state: 'skipped', finished_at: now }).execute();
        continue;
      }
      // Due as well: whatever becomes of the lease, it is not parked any more.
      const leased = { lease_until: now + leaseMs, next_at: now };
      await update.set(leased).execute();
      return { delivery: { ...first, ...leased }, event: toStoredEvent(event) };
    }
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
