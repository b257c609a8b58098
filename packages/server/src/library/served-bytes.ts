import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/index.ts';

/** How long what was served is kept in memory, in milliseconds: what a crash may cost of the count. */
const flushMs = 5000;

/** Rows that one statement writes. */
const rowsAtOnce = 100;

export interface ServedBytesOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
}

interface Count {
  readonly appId: string;
  readonly day: string;
  readonly fileId: string;
  bytes: number;
  requests: number;
}

/** Counts the bytes that were served of each file, by day (UTC). Begins when it is made, ends with `close`. */
export class ServedBytes {
  readonly #options: ServedBytesOptions;
  readonly #timer: NodeJS.Timeout;
  #counts = new Map<string, Count>();
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: ServedBytesOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.flush(), flushMs).unref();
  }

  /** @param bytes - that were handed to the system to be sent; of an answer that was broken off, those before */
  add(file: { readonly appId: string; readonly fileId: string }, bytes: number, requests = 0): void {
    this.#add({ ...file, day: new Date(this.#options.clock.now()).toISOString().slice(0, 10), bytes, requests });
  }

  #add(count: Count): void {
    const key = `${count.appId} ${count.day} ${count.fileId}`;
    const known = this.#counts.get(key);
    if (known === undefined) {
      this.#counts.set(key, count);
    } else {
      known.bytes += count.bytes;
      known.requests += count.requests;
    }
  }

  /** Writes down what was counted; what cannot be written is tried again with the next. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    for (let index = 0; index < counts.length; index += rowsAtOnce) {
      const some = counts.slice(index, index + rowsAtOnce);
      try {
        await this.#write(some);
      } catch (error) {
        this.#options.logger.error({ err: error }, 'bytes served could not be counted, they will be with the next');
        for (const count of some) this.#add(count);
      }
    }
  }

  async #write(counts: readonly Count[]): Promise<void> {
    await this.#options.db
      .insertInto('served_bytes')
      .values(
        counts.map(({ appId, day, fileId, bytes, requests }) => ({
          app_id: appId,
          day,
          file_id: fileId,
          bytes,
          requests,
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(['app_id', 'day', 'file_id']).doUpdateSet({
          bytes: sql`served_bytes.bytes + excluded.bytes`,
          requests: sql`served_bytes.requests + excluded.requests`,
        }),
      )
      .execute();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
