import { AppSettings, type UpdateAppSettings } from '@aircheck/protocol';
import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/index.ts';

export type AppSettingsChanges = z.infer<typeof UpdateAppSettings>;

/** What an app has that never changed a setting. */
export const defaultSettings: AppSettings = {
  recycleDays: 7,
  hotlinkKey: null,
  sdkAppId: 1_400_000_000,
  bizId: '1',
  adminIdentifier: 'administrator',
};

/** The settings of each app; read anew each time, since another process may have changed them. */
export class Settings {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async get(appId: string, db: Database = this.#db): Promise<AppSettings> {
    const row = await db.selectFrom('app_settings').select('settings').where('app_id', '=', appId).executeTakeFirst();
    return AppSettings.parse({ ...defaultSettings, ...(row === undefined ? {} : JSON.parse(row.settings)) });
  }

  /** Changes what is named and leaves the rest. */
  async update(appId: string, changes: AppSettingsChanges): Promise<AppSettings> {
    return this.#db.transaction().execute(async (transaction) => {
      const given = Object.entries(changes).filter(([, value]) => value !== undefined);
      const settings = AppSettings.parse({ ...(await this.get(appId, transaction)), ...Object.fromEntries(given) });
      const row = { settings: JSON.stringify(settings), updated_at: this.#clock.now() };
      await transaction
        .insertInto('app_settings')
        .values({ app_id: appId, ...row })
        .onConflict((conflict) => conflict.column('app_id').doUpdateSet(row))
        .execute();
      return settings;
    });
  }
}
