import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/index.ts';
import { Deliveries } from './deliveries.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { Dispatcher } from './dispatcher.ts';
import { EventQueue } from './event-queue.ts';
import type { DeliveryFormats } from './formats.ts';
import type { Outbox } from './outbox.ts';
import { keptMs, prune } from './pruning.ts';
import type { SafeHttp } from './safe-http.ts';
import { attemptTimeoutMs } from './sender.ts';
import { Subscribers } from './subscribers.ts';
import type { TargetGuard } from './target-guard.ts';

/** How often old events are removed, in milliseconds. */
const pruneEveryMs = 3_600_000;

export interface EventsOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly formats: DeliveryFormats;
  readonly guard: TargetGuard;
  readonly http: SafeHttp;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to 1. */
  readonly random?: () => number;
  readonly attemptTimeoutMs?: number;
}

/** All that tells other systems what has happened here. */
export class Events {
  readonly subscribers: Subscribers;
  readonly deliveries: Deliveries;
  readonly queue: EventQueue;
  readonly #options: EventsOptions;
  readonly #deliveryQueue: DeliveryQueue;
  readonly #dispatcher: Dispatcher;
  #timer: NodeJS.Timeout | undefined;
  #pruning: Promise<void> = Promise.resolve();

  constructor(options: EventsOptions) {
    this.#options = options;
    const { db, clock, random = Math.random } = options;
    this.subscribers = new Subscribers(options);
    this.deliveries = new Deliveries({ ...options, subscribers: this.subscribers });
    this.queue = new EventQueue(options);
    this.#deliveryQueue = new DeliveryQueue(db, clock, random);
    this.#dispatcher = new Dispatcher({
      ...options,
      attemptTimeoutMs: options.attemptTimeoutMs ?? attemptTimeoutMs,
      queue: this.#deliveryQueue,
    });
  }

  /** Begins to tell; to be called once. */
  async start(): Promise<void> {
    await this.#dispatcher.start();
    this.#timer = setInterval(() => this.#prune(), pruneEveryMs);
    this.#prune();
  }

  /** Ends what is under way; what was not told waits in the database. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.queue.close();
    await this.#dispatcher.close();
    await this.#pruning;
  }

  #prune(): void {
    const { db, clock, logger } = this.#options;
    this.#pruning = this.#pruning
      .then(async () => {
        // What waited behind it need not any more.
        if (await prune(db, clock.now() - keptMs)) await this.#deliveryQueue.unpark();
      })
      .catch((error: unknown) => logger.warn({ err: error }, 'old events cannot be removed'));
  }
}
