import type { Clock } from '../../../clock.ts';
import type { Database } from '../../../db/index.ts';

const pruneEveryMs = 60_000;

/** Remembers what was used once, over restarts, until it could not be used again anyway. */
export class Nonces {
  readonly #db: Database;
  readonly #clock: Clock;
  #nextPruneAt = 0;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * @param nonce - what may come once: the signature of a request, which holds its nonce
   * @param expiresAt - milliseconds since 1970, after which requests with it are refused for their age
   * @returns false when it was used before
   */
  async use(appId: string, nonce: string, expiresAt: number): Promise<boolean> {
    await this.#prune();
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('nonces')
      .values({ app_id: appId, nonce, expires_at: expiresAt })
      .onConflict((conflict) => conflict.columns(['app_id', 'nonce']).doNothing())
      .executeTakeFirst();
    return (numInsertedOrUpdatedRows ?? 0n) > 0n;
  }

  async #prune(): Promise<void> {
    const now = this.#clock.now();
    if (now < this.#nextPruneAt) return;
    this.#nextPruneAt = now + pruneEveryMs;
    await this.#db.deleteFrom('nonces').where('expires_at', '<', now).execute();
  }
}
