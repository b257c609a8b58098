import type { Logger } from 'pino';
import type { SubscriberRow } from '../db/index.ts';
import type { DeliveryQueue, DueDelivery, Outcome } from './delivery-queue.ts';
import { type DeliveryFormat, type DeliveryFormats, formatOf, NotYet, toFormatSubscriber } from './formats.ts';
import type { SafeHttp } from './safe-http.ts';
import { type Answer, send } from './sender.ts';

/** Subjects of one subscriber that are told beside each other; one alone while it takes nothing. */
const parallelSubjects = 8;

/** A subscriber takes nothing after so many failures without a success: fewer may be due to a single event. */
const deafAfter = 3;

/** The longest time between two looks at what waits, in milliseconds. */
const lookEveryMs = 60_000;

/** How long an end waits for attempts that were given up to be written down, in milliseconds. */
const givenUpMs = 1000;

/** After what time that which the database refused is tried again, in milliseconds. */
const databaseRetryMs = 1000;

export interface CourierOptions {
  readonly subscriberId: string;
  readonly queue: DeliveryQueue;
  readonly formats: DeliveryFormats;
  readonly http: SafeHttp;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly attemptTimeoutMs: number;
  readonly logger: Logger;
}

/** Tells one subscriber: several subjects at a time, each in its order. Couriers do not wait for one another. */
export class Courier {
  readonly #options: CourierOptions;
  /** Subjects that are being told. */
  readonly #busy = new Set<Promise<void>>();
  /** Gives up attempts that are under way. */
  readonly #abort = new AbortController();
  #closed = false;
  /** Attempts that came to nothing since one did not. */
  #failures = 0;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  /** Begins with all that is due. Called during a look, it has one follow. */
  look(): void {
    this.#lookAgain = true;
    this.#looking ??= this.#lookWhileAsked();
  }

  /**
   * Begins nothing more, and waits for what is under way.
   * @param graceMs - after which attempts are given up; they are made again another time, for they may have got through.
   *   What does not end then either is left behind: an end of the server must not hang on it
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const abort = setTimeout(() => this.#abort.abort(), graceMs);
    const { promise: over, resolve: leave } = Promise.withResolvers<void>();
    const left = setTimeout(leave, graceMs + givenUpMs);
    await this.#looking;
    await Promise.race([Promise.all(this.#busy), over]);
    clearTimeout(abort);
    clearTimeout(left);
  }

  async #lookWhileAsked(): Promise<void> {
    while (this.#lookAgain && !this.#closed) {
      this.#lookAgain = false;
      try {
        await this.#look();
      } catch (error) {
        this.#warn(error, 'what waits for a subscriber cannot be read');
        this.#lookIn(databaseRetryMs);
      }
    }
    // In the same turn as the last question: what asks from now on begins anew.
    this.#looking = undefined;
  }

  async #look(): Promise<void> {
    const { subscriberId, queue, now } = this.#options;
    const free = (this.#failures >= deafAfter ? 1 : parallelSubjects) - this.#busy.size;
    // A subject that is through looks again.
    if (free <= 0) return;
    const since = now();
    const claimed = await queue.claim(subscriberId, free);
    for (const due of claimed) this.#begin(due);
    if (claimed.length === free) return;
    const dueAt = await queue.nextDueAt(subscriberId, since);
    this.#lookIn(Math.min(lookEveryMs, (dueAt ?? Number.POSITIVE_INFINITY) - now()));
  }

  #lookIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.look(), Math.max(1, delayMs));
  }

  #begin(due: DueDelivery): void {
    const telling = this.#tell(due)
      .catch((error: unknown) => {
        this.#warn(error, 'how a delivery came out cannot be written down; it will be told again');
        this.#lookIn(databaseRetryMs);
      })
      .then(() => {
        this.#busy.delete(telling);
        this.look();
      });
    this.#busy.add(telling);
  }

  /** Tells the events of one subject, one after another, as long as the subscriber takes them. */
  async #tell(first: DueDelivery): Promise<void> {
    const { queue, subscriberId } = this.#options;
    let due: DueDelivery | undefined = first;
    while (due !== undefined) {
      const subscriber = await queue.subscriber(subscriberId);
      const outcome: Outcome | undefined =
        this.#closed || subscriber === undefined ? undefined : await this.#attempt(due, subscriber);
      // Paused or deleted, or the server ends: nothing has been told, as far as is known.
      if (outcome === undefined) return queue.release(due);
      // What the delivery went through also counts: an earlier run of the server has seen it.
      const failures = Math.max(this.#failures, due.delivery.attempts);
      const recovered: boolean = outcome.state === 'delivered' && failures >= deafAfter;
      if (outcome.state === 'refused') this.#failures += 1;
      else if (outcome.state === 'delivered') this.#failures = 0;
      due = await queue.finish(due, outcome, { recovered, goOn: !this.#closed });
    }
  }

  /** @returns undefined when it was given up for the server ends */
  async #attempt({ event }: DueDelivery, subscriber: SubscriberRow): Promise<Outcome | undefined> {
    const { formats, http, attemptTimeoutMs } = this.#options;
    let format: DeliveryFormat;
    let answer: Answer;
    try {
      format = formatOf(formats, subscriber.kind);
      const rendered = await format.render(event, toFormatSubscriber(subscriber));
      if (rendered === undefined) return { state: 'skipped' };
      answer = await send(http, subscriber.url ?? '', rendered, this.#abort.signal, attemptTimeoutMs);
    } catch (error) {
      if (error instanceof NotYet) return { state: 'put-off', afterMs: error.afterMs };
      this.#warn(error, 'an event cannot be written down for a subscriber');
      const detail = 'The server could not write the event down for this kind of subscriber';
      return { state: 'refused', answer: { status: null, body: '', latencyMs: 0, error: detail } };
    }
    const { status, body } = answer;
    const taken = status !== null && (format.accepts?.({ status, body }) ?? (status >= 200 && status < 300));
    if (!taken && this.#abort.signal.aborted) return undefined;
    return { state: taken ? 'delivered' : 'refused', answer };
  }

  #warn(error: unknown, message: string): void {
    this.#options.logger.warn({ err: error, subscriberId: this.#options.subscriberId }, message);
  }
}
