import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { Courier } from './courier.ts';
import type { DeliveryQueue } from './delivery-queue.ts';
import type { DeliveryFormats } from './formats.ts';
import type { Outbox } from './outbox.ts';
import type { SafeHttp } from './safe-http.ts';

/** How often what waits is looked at without being woken, in milliseconds. */
const lookEveryMs = 5000;

/** How long attempts under way may take when the server ends, in milliseconds. */
const closeGraceMs = 1000;

export interface DispatcherOptions {
  readonly queue: DeliveryQueue;
  readonly outbox: Outbox;
  readonly formats: DeliveryFormats;
  readonly http: SafeHttp;
  readonly clock: Clock;
  readonly attemptTimeoutMs: number;
  readonly logger: Logger;
}

/** Has a courier for each subscriber that is pushed to. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #couriers = new Map<string, Courier>();
  #unlisten: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #refreshAgain = false;
  #closed = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Goes on with what an earlier run of the server left. */
  async start(): Promise<void> {
    await this.#options.queue.recover();
    this.#unlisten = this.#options.outbox.onWake(() => this.#wake());
    this.#timer = setInterval(() => this.#wake(), lookEveryMs);
    this.#wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten?.();
    clearInterval(this.#timer);
    await this.#refreshing;
    await Promise.all([...this.#couriers.values()].map((courier) => courier.close(closeGraceMs)));
    this.#couriers.clear();
  }

  #wake(): void {
    this.#refreshAgain = true;
    this.#refreshing ??= this.#refreshWhileAsked();
  }

  async #refreshWhileAsked(): Promise<void> {
    while (this.#refreshAgain && !this.#closed) {
      this.#refreshAgain = false;
      try {
        await this.#refresh();
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'subscribers cannot be read');
      }
    }
    // In the same turn as the last question: what asks from now on begins anew.
    this.#refreshing = undefined;
  }

  async #refresh(): Promise<void> {
    const { outbox: _, clock, ...options } = this.#options;
    const subscriberIds = new Set(await options.queue.subscriberIds());
    for (const [subscriberId, courier] of this.#couriers) {
      if (subscriberIds.has(subscriberId)) continue;
      this.#couriers.delete(subscriberId);
      void courier.close(options.attemptTimeoutMs);
    }
    for (const subscriberId of subscriberIds) {
      let courier = this.#couriers.get(subscriberId);
      if (courier === undefined) {
        courier = new Courier({ ...options, subscriberId, now: () => clock.now() });
        this.#couriers.set(subscriberId, courier);
      }
      courier.look();
    }
  }
}
