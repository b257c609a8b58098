import { createHmac, randomBytes } from 'node:crypto';
import { AircheckError, type Event } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';
import type { DeliveryFormat, StoredEvent } from './formats.ts';

const prefix = 'whsec_';
/** Bytes a secret may have, see standard-webhooks `spec/standard-webhooks.md`, "Signature scheme". */
const secretBytes = { least: 24, most: 64 } as const;

/** An event as our own interfaces show it. */
export function toEvent({ eventId, type, subject, createdAt, data }: StoredEvent): Event {
  return { eventId, type, subject, createdAt: new Date(createdAt).toISOString(), data };
}

/**
 * Our events as webhooks, signed by the Standard Webhooks scheme: `webhook-signature` is `v1,` and the base64 HMAC-SHA256
 * of `<webhook-id>.<webhook-timestamp>.<body>`. The id is the event's, the same in each attempt; the time is the attempt's.
 */
export function webhookFormat(clock: Clock): DeliveryFormat {
  return {
    async render(event, { secret }) {
      const body = JSON.stringify(toEvent(event));
      const timestamp = Math.floor(clock.now() / 1000);
      const signature = createHmac('sha256', keyOf(secret) ?? '')
        .update(`${event.eventId}.${timestamp}.${body}`)
        .digest('base64');
      return {
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'webhook-id': event.eventId,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': `v1,${signature}`,
        },
        body,
      };
    },
    newSecret: () => `${prefix}${randomBytes(32).toString('base64')}`,
    check({ secret }) {
      if (keyOf(secret) !== undefined) return;
      throw new AircheckError('request-invalid', 'The secret is not one of the Standard Webhooks scheme', {
        input: 'body.secret',
        hint: `${prefix} and the base64 of ${secretBytes.least} to ${secretBytes.most} bytes; or leave it out`,
      });
    },
  };
}

/** Our events as they are, for a subscriber that fetches them. */
export const queueFormat: DeliveryFormat = {
  render: async (event) => ({ headers: {}, body: JSON.stringify(toEvent(event)) }),
};

function keyOf(secret: string): Buffer | undefined {
  if (!secret.startsWith(prefix)) return undefined;
  const text = secret.slice(prefix.length);
  const key = Buffer.from(text, 'base64');
  const canonical = key.toString('base64') === text;
  return canonical && key.length >= secretBytes.least && key.length <= secretBytes.most ? key : undefined;
}
