import type { Database } from '../db/index.ts';

/** How long events and deliveries are kept, in milliseconds: 30 days. What still waits then is given up with them. */
export const keptMs = 30 * 24 * 3_600_000;

/** Rows that are removed at a time: a transaction that holds the database up is worse than several. */
const chunk = 500;

/**
 * Removes deliveries and events that are too old.
 * @param before - milliseconds since 1970
 * @returns whether something was given up that still waited
 */
export async function prune(db: Database, before: number): Promise<boolean> {
  let gaveUp = false;
  for (;;) {
    const removed = await db.transaction().execute(async (transaction) => {
      const rows = await transaction
        .selectFrom('deliveries')
        .select(['delivery_id', 'state'])
        .where('created_at', '<', before)
        .limit(chunk)
        .execute();
      if (rows.length === 0) return 0;
      gaveUp ||= rows.some(({ state }) => state === 'pending');
      const ids = rows.map((row) => row.delivery_id);
      await transaction.deleteFrom('delivery_attempts').where('delivery_id', 'in', ids).execute();
      await transaction.deleteFrom('deliveries').where('delivery_id', 'in', ids).execute();
      return rows.length;
    });
    if (removed < chunk) break;
  }
  for (;;) {
    const { numDeletedRows } = await db
      .deleteFrom('events')
      .where('seq', 'in', (select) =>
        select
          .selectFrom('events')
          .select('events.seq')
          .where('events.created_at', '<', before)
          // An event that was told again lately.
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('deliveries').select('delivery_id').whereRef('deliveries.event_seq', '=', 'events.seq'),
              ),
            ),
          )
          .limit(chunk),
      )
      .executeTakeFirst();
    if (numDeletedRows < BigInt(chunk)) return gaveUp;
  }
}
