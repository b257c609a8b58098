import { AircheckError } from '@aircheck/protocol';
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database, Schema } from '../db/index.ts';
import type { Library } from './library.ts';
import { balanceNameBlocks } from './name-counts.ts';
import type { RemovalReason } from './recycling.ts';
import { allOtherClasses } from './retention.ts';

/** How often it is looked for files whose time has come, in milliseconds. */
const sweepMs = 60_000;

/** Files that are taken from the database at a time. */
const batchFiles = 200;

/** A removal that has not come to its end for that long, in milliseconds, is begun anew. */
const stuckMs = 60 * 60_000;

/** How long it is known how much was served: a little more than a year. */
const servedDays = 400;

const dayMs = 86_400_000;

export interface SweeperOptions {
  readonly db: Database;
  readonly library: Library;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Due = (where: ExpressionBuilder<Schema, 'assets'>) => ExpressionWrapper<Schema, 'assets', SqlBool>;

/**
 * Has files removed whose time has come: by their own expiry, by a retention rule, by the end of the recycle period. Also
 * forgets how much was served long ago.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Sweeps now and from now on. */
  start(): void {
    this.#sweeping = this.sweep()
      .catch((error: unknown) => this.#options.logger.error({ err: error }, 'files whose time has come are left'))
      .finally(() => {
        if (!this.#closed) this.#timer = setTimeout(() => this.start(), sweepMs);
      });
  }

  /** Ends after the file that is being looked at. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  /** Looks through all files once. */
  async sweep(): Promise<void> {
    const { db, clock } = this.#options;
    const now = clock.now();
    await this.#attempt('expiry', undefined, () => this.#sweepExpiry(now));
    const apps = await db.selectFrom('apps').select('app_id').execute();
    for (const { app_id: appId } of apps) {
      await this.#attempt('retention', appId, () => this.#sweepRetention(appId, now));
      await this.#attempt('recycle bin', appId, () => this.#sweepRecycleBin(appId, now));
      await this.#attempt('stuck removals', appId, () => this.#sweepStuck(appId, now));
      await this.#attempt('served bytes', appId, () => this.#sweepServedBytes(appId, now));
    }
    if (!this.#closed) await balanceNameBlocks(db);
  }

  /** What goes wrong with some files must not keep those of other apps: they are due again a minute later. */
  async #attempt(what: string, appId: string | undefined, sweep: () => Promise<void>): Promise<void> {
    try {
      await sweep();
    } catch (error) {
      this.#options.logger.error({ err: error, appId, what }, 'what is due is left for the next sweep');
    }
  }

  async #sweepExpiry(now: number): Promise<void> {
    await this.#remove('expiry', (where) =>
      where.and([where('expires_at', '<=', now), where('state', 'in', ['ready', 'failed', 'recycled'])]),
    );
  }

  async #sweepRetention(appId: string, now: number): Promise<void> {
    const rules = await this.#options.library.retention.rules(appId);
    const named = rules.map(({ classId }) => classId).filter((classId) => classId !== allOtherClasses);
    for (const { classId, days } of rules) {
      const before = now - days * dayMs;
      await this.#remove('retention', (where) =>
        where.and([
          where('app_id', '=', appId),
          where('hidden', '=', 0),
          ...(classId !== allOtherClasses
            ? [where('class_id', '=', classId)]
            : named.length > 0
              ? [where('class_id', 'not in', named)]
              : []),
          // It ended after it began: this one has the index.
          where('started_at', '<=', before),
          where('ended_at', '<=', before),
          // What is cut from an old recording has its time, but is kept as long as all else.
          where('created_at', '<=', before),
          where('state', 'in', ['ready', 'failed']),
        ]),
      );
    }
  }

  async #sweepRecycleBin(appId: string, now: number): Promise<void> {
    const { recycleDays } = await this.#options.library.settings.get(appId);
    await this.#remove('request', (where) =>
      where.and([
        where('app_id', '=', appId),
        where('recycled_at', '<=', now - recycleDays * dayMs),
        where('state', '=', 'recycled'),
      ]),
    );
  }

  async #sweepStuck(appId: string, now: number): Promise<void> {
    const { library, logger } = this.#options;
    await this.#each(
      (where) =>
        where.and([
          where('app_id', '=', appId),
          where('hidden', '=', 1),
          where('state', '=', 'deleting'),
          where('updated_at', '<=', now - stuckMs),
          // A job that waits, as for a disk that refuses, is tried again by itself.
          where.not(
            where.exists(
              where
                .selectFrom('jobs')
                .select('job_id')
                .whereRef('jobs.file_id', '=', 'assets.file_id')
                .where('jobs.type', '=', 'delete')
                .where('jobs.state', 'in', ['waiting', 'running']),
            ),
          ),
        ]),
      async (fileId) => {
        await library.removeAgain(appId, fileId);
        logger.warn({ fileId }, 'the removal of a file is begun anew');
      },
    );
  }

  async #sweepServedBytes(appId: string, now: number): Promise<void> {
    await this.#options.db
      .deleteFrom('served_bytes')
      .where('app_id', '=', appId)
      .where('day', '<', new Date(now - servedDays * dayMs).toISOString().slice(0, 10))
      .execute();
  }

  async #remove(reason: RemovalReason, due: Due): Promise<void> {
    const { library, logger } = this.#options;
    await this.#each(due, async (fileId, appId) => {
      await library.remove(appId, fileId, { now: true, reason });
      logger.info({ fileId, reason }, 'file is removed');
    });
  }

  /** Does something with each file that is due, which then no longer is. */
  async #each(due: Due, take: (fileId: string, appId: string) => Promise<void>): Promise<void> {
    for (let taken = batchFiles; taken === batchFiles; ) {
      const rows = await this.#options.db
        .selectFrom('assets')
        .select(['app_id', 'file_id'])
        .where(due)
        .limit(batchFiles)
        .execute();
      taken = 0;
      for (const { app_id, file_id } of rows) {
        if (this.#closed) return;
        try {
          await take(file_id, app_id);
          taken += 1;
        } catch (error) {
          // Somebody was quicker.
          if (!(error instanceof AircheckError) || error.fault !== 'caller') throw error;
        }
      }
    }
  }
}
