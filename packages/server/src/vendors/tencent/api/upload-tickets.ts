import { createHmac } from 'node:crypto';
import { sameText } from '@aircheck/engine/same-text';
import { AircheckError } from '@aircheck/protocol';
import { z } from 'zod';
import type { Clock } from '../../../clock.ts';

/** How long what was applied for can be uploaded, in milliseconds. */
const validMs = 24 * 3_600_000;

const Id = z.string().regex(/^[0-9a-f]{32}$/);
const Ticket = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('video'),
    id: Id,
    appId: z.string(),
    expiresAt: z.number(),
    /** As of the tus protocol. */
    metadata: z.record(z.string(), z.string()),
  }),
  z.object({ kind: z.literal('watermark'), id: Id, appId: z.string(), expiresAt: z.number() }),
]);
/** Who may upload what: handed to the caller, signed, and believed when it comes back. */
export type UploadTicket = z.infer<typeof Ticket>;

export class UploadTickets {
  readonly #keyOf: (appId: string) => Buffer;
  readonly #clock: Clock;

  /** @param keyOf - a secret of the app; throws when there is no such app */
  constructor(keyOf: (appId: string) => Buffer, clock: Clock) {
    this.#keyOf = keyOf;
    this.#clock = clock;
  }

  video(appId: string, id: string, metadata: Readonly<Record<string, string>>): string {
    return this.#seal({ kind: 'video', id, appId, expiresAt: this.#clock.now() + validMs, metadata: { ...metadata } });
  }

  watermark(appId: string, id: string): string {
    return this.#seal({ kind: 'watermark', id, appId, expiresAt: this.#clock.now() + validMs });
  }

  /** @throws AircheckError `upload-not-found` for what was not made here, of another kind or app, or is too old */
  open<K extends UploadTicket['kind']>(
    text: string,
    wanted: { readonly kind?: K; readonly appId?: string } = {},
  ): Extract<UploadTicket, { kind: K }> {
    const [content = '', signature = ''] = text.split('.', 2);
    const ticket = Ticket.safeParse(decoded(content)).data;
    if (
      ticket === undefined ||
      (wanted.kind !== undefined && ticket.kind !== wanted.kind) ||
      (wanted.appId !== undefined && ticket.appId !== wanted.appId) ||
      ticket.expiresAt <= this.#clock.now() ||
      !sameText(signature, this.#signature(ticket.appId, content))
    ) {
      throw new AircheckError('upload-not-found', 'There is no such upload, or it was applied for too long ago');
    }
    return ticket as Extract<UploadTicket, { kind: K }>;
  }

  #seal(ticket: UploadTicket): string {
    const content = Buffer.from(JSON.stringify(ticket)).toString('base64url');
    return `${content}.${this.#signature(ticket.appId, content)}`;
  }

  #signature(appId: string, content: string): string {
    return createHmac('sha256', this.#keyOf(appId)).update(`upload ticket v1\n${content}`).digest('base64url');
  }
}

function decoded(content: string): unknown {
  try {
    return JSON.parse(Buffer.from(content, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
