import { randomBytes, randomUUID } from 'node:crypto';
import {
  AircheckError,
  type CreatedSubscriber,
  CreateSubscriberRequest,
  type Delivery,
  type Subscriber,
  type SubscriberKind,
  UpdateSubscriberRequest,
} from '@aircheck/protocol';
import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Database, SubscriberRow } from '../db/index.ts';
import { type DeliveryFormats, formatOf, isQueueKind } from './formats.ts';
import type { Outbox } from './outbox.ts';
import type { TargetGuard } from './target-guard.ts';

export interface SubscribersOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly formats: DeliveryFormats;
  readonly guard: TargetGuard;
  readonly clock: Clock;
}

/** Who is told of an app's events. */
export class Subscribers {
  readonly #options: SubscribersOptions;
  readonly #db: Database;

  constructor(options: SubscribersOptions) {
    this.#options = options;
    this.#db = options.db;
  }

  /**
   * Adds a subscriber; it is told of what happens from now on.
   * @throws AircheckError `request-invalid`, `target-forbidden`
   */
  async create(appId: string, input: CreateSubscriberRequest): Promise<z.infer<typeof CreatedSubscriber>> {
    const { name, kind, url, types, options, secret: given } = CreateSubscriberRequest.parse(input);
    const format = formatOf(this.#options.formats, kind);
    await this.#checkUrl(kind, url ?? null);
    const secret = given ?? format.newSecret?.() ?? randomSecret();
    format.check?.({ secret, options });
    const now = this.#options.clock.now();
    const row: SubscriberRow = {
      subscriber_id: `sub_${randomUUID().replaceAll('-', '')}`,
      app_id: appId,
      name,
      kind,
      url: url ?? null,
      secret,
      types: JSON.stringify([...new Set(types)]),
      options: JSON.stringify(options),
      enabled: 1,
      created_at: now,
      updated_at: now,
    };
    await this.#db.insertInto('subscribers').values(row).execute();
    return { ...toSubscriber(row, { pending: 0, failed: 0 }), secret };
  }

  /** Oldest first. */
  async list(appId: string): Promise<Subscriber[]> {
    const rows = await this.#db
      .selectFrom('subscribers')
      .selectAll()
      .where('app_id', '=', appId)
      .orderBy('created_at')
      .orderBy('subscriber_id')
      .execute();
    return this.#describe(rows);
  }

  /** @throws AircheckError `subscriber-not-found` */
  async get(appId: string, subscriberId: string): Promise<Subscriber> {
    const [subscriber] = await this.#describe([await this.row(appId, subscriberId)]);
    return subscriber!;
  }

  /**
   * Changes a subscriber; switched off, its deliveries wait.
   * @throws AircheckError `subscriber-not-found`, `request-invalid`, `target-forbidden`
   */
  async update(
    appId: string,
    subscriberId: string,
    input: z.input<typeof UpdateSubscriberRequest>,
  ): Promise<Subscriber> {
    const { name, url, types, options, enabled } = UpdateSubscriberRequest.parse(input);
    const { kind, secret } = await this.row(appId, subscriberId);
    if (url !== undefined) await this.#checkUrl(kind as SubscriberKind, url);
    if (options !== undefined) formatOf(this.#options.formats, kind).check?.({ secret, options });
    await this.#db
      .updateTable('subscribers')
      .set({
        ...(name !== undefined && { name }),
        ...(url !== undefined && { url }),
        ...(types !== undefined && { types: JSON.stringify([...new Set(types)]) }),
        ...(options !== undefined && { options: JSON.stringify(options) }),
        ...(enabled !== undefined && { enabled: enabled ? 1 : 0 }),
        updated_at: this.#options.clock.now(),
      })
      .where('subscriber_id', '=', subscriberId)
      .execute();
    this.#options.outbox.wake();
    return this.get(appId, subscriberId);
  }

  /** Removes a subscriber with all that waits for it. @throws AircheckError `subscriber-not-found` */
  async delete(appId: string, subscriberId: string): Promise<void> {
    await this.row(appId, subscriberId);
    await this.#db.transaction().execute(async (transaction) => {
      const deliveries = transaction
        .selectFrom('deliveries')
        .select('delivery_id')
        .where('subscriber_id', '=', subscriberId);
      // Waits for attempts that are being written down, and has none written down from now on.
      await transaction
        .updateTable('deliveries')
        .set({ state: 'skipped' })
        .where('subscriber_id', '=', subscriberId)
        .execute();
      await transaction.deleteFrom('delivery_attempts').where('delivery_id', 'in', deliveries).execute();
      await transaction.deleteFrom('deliveries').where('subscriber_id', '=', subscriberId).execute();
      await transaction.deleteFrom('subscribers').where('subscriber_id', '=', subscriberId).execute();
    });
    this.#options.outbox.wake();
  }

  /**
   * Tells this subscriber alone of an event of type `subscriber.test`.
   * @returns the id of its delivery
   * @throws AircheckError `subscriber-not-found`
   */
  async test(appId: string, subscriberId: string): Promise<Delivery['deliveryId']> {
    await this.row(appId, subscriberId);
    const { outbox } = this.#options;
    const [deliveryId] = await this.#db.transaction().execute(async (transaction) => {
      const event = await outbox.appendUndelivered(transaction, {
        appId,
        type: 'subscriber.test',
        subject: subscriberId,
        data: { subscriberId },
      });
      return outbox.deliver(transaction, appId, subscriberId, [event]);
    });
    outbox.wake();
    return deliveryId!;
  }

  /** @throws AircheckError `subscriber-not-found`, also for one of another app */
  async row(appId: string, subscriberId: string): Promise<SubscriberRow> {
    const row = await this.#db
      .selectFrom('subscribers')
      .selectAll()
      .where('subscriber_id', '=', subscriberId)
      .where('app_id', '=', appId)
      .executeTakeFirst();
    if (row === undefined) {
      throw new AircheckError('subscriber-not-found', `There is no subscriber ${subscriberId}`);
    }
    return row;
  }

  async #describe(rows: readonly SubscriberRow[]): Promise<Subscriber[]> {
    if (rows.length === 0) return [];
    const counts = await this.#db
      .selectFrom('deliveries')
      .select(['subscriber_id', 'state', (select) => select.fn.countAll<number | string>().as('count')])
      .where(
        'subscriber_id',
        'in',
        rows.map((row) => row.subscriber_id),
      )
      .where('state', 'in', ['pending', 'failed'])
      .groupBy(['subscriber_id', 'state'])
      .execute();
    const count = (subscriberId: string, state: string) =>
      Number(counts.find((found) => found.subscriber_id === subscriberId && found.state === state)?.count ?? 0);
    return rows.map((row) =>
      toSubscriber(row, {
        pending: count(row.subscriber_id, 'pending'),
        failed: count(row.subscriber_id, 'failed'),
      }),
    );
  }

  async #checkUrl(kind: SubscriberKind, url: string | null): Promise<void> {
    if (isQueueKind(kind)) {
      if (url === null) return;
      throw new AircheckError('request-invalid', `A subscriber of kind ${kind} fetches its events and has no url`, {
        input: 'body.url',
      });
    }
    if (url === null) {
      throw new AircheckError('request-invalid', `A subscriber of kind ${kind} needs a url`, { input: 'body.url' });
    }
    await this.#options.guard.checkHost(new URL(url), 'body.url');
  }
}

function toSubscriber(row: SubscriberRow, counts: { readonly pending: number; readonly failed: number }): Subscriber {
  return {
    subscriberId: row.subscriber_id,
    name: row.name,
    kind: row.kind as SubscriberKind,
    url: row.url,
    types: JSON.parse(row.types) as Subscriber['types'],
    options: JSON.parse(row.options) as Record<string, string>,
    enabled: row.enabled === 1,
    createdAt: new Date(row.created_at).toISOString(),
    ...counts,
  };
}

/** Letters and digits alone: it is put into forms and configuration files of all kinds. */
function randomSecret(): string {
  return randomBytes(32).toString('base64url').replaceAll(/[-_]/g, 'x');
}
