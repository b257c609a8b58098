import { AircheckError, type EventType, type SubscriberKind } from '@aircheck/protocol';
import type { EventRow, SubscriberRow } from '../db/index.ts';

/** An event as it is kept. */
export interface StoredEvent {
  readonly seq: number;
  readonly eventId: string;
  readonly appId: string;
  readonly type: EventType;
  readonly subject: string;
  /** What `protocol/src/events.ts` says of the type, as parsed JSON. */
  readonly data: unknown;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** What a format needs to know of whom it writes to. */
export interface FormatSubscriber {
  readonly subscriberId: string;
  readonly appId: string;
  readonly secret: string;
  readonly options: Readonly<Record<string, string>>;
}

/** What is sent: the body of a POST, or what a queue hands out. */
export interface RenderedDelivery {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Thrown by a format that cannot write an event down yet: it is asked again, and nobody has failed. */
export class NotYet extends Error {
  readonly afterMs: number;

  /** @param afterMs - after how many milliseconds to ask again */
  constructor(message: string, afterMs: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** How events are told to one kind of subscriber. */
export interface DeliveryFormat {
  /**
   * Writes an event down for a subscriber; called anew for each attempt.
   * @returns undefined when such a subscriber is not told of such events: the delivery is `skipped`
   * @throws NotYet from formats that are pushed
   */
  render(event: StoredEvent, subscriber: FormatSubscriber): Promise<RenderedDelivery | undefined>;
  /**
   * Whether the receiver has taken it; any 2xx when absent.
   * @param answer - its HTTP status and the first KiB of its body
   */
  accepts?(answer: { readonly status: number; readonly body: string }): boolean;
  /** A secret where none was given; 43 random letters and digits when absent. */
  newSecret?(): string;
  /**
   * Looks at what a new or changed subscriber has.
   * @throws AircheckError `request-invalid` that names the input: `body.secret`, `body.options.…`
   */
  check?(subscriber: Pick<FormatSubscriber, 'secret' | 'options'>): void;
}

export type DeliveryFormats = Readonly<Partial<Record<SubscriberKind, DeliveryFormat>>>;

/** @throws AircheckError `request-invalid` for a kind that this server does not speak */
export function formatOf(formats: DeliveryFormats, kind: string): DeliveryFormat {
  const format = formats[kind as SubscriberKind];
  if (format !== undefined) return format;
  throw new AircheckError('request-invalid', `There are no subscribers of kind ${kind} here`, { input: 'body.kind' });
}

/** Kinds that fetch their events themselves. */
export const queueKinds = ['queue', 'tencent-queue'] as const satisfies readonly SubscriberKind[];
export type QueueKind = (typeof queueKinds)[number];

export function isQueueKind(kind: string): kind is QueueKind {
  return (queueKinds as readonly string[]).includes(kind);
}

export function toStoredEvent(row: EventRow): StoredEvent {
  return {
    seq: row.seq,
    eventId: row.event_id,
    appId: row.app_id,
    type: row.type as EventType,
    subject: row.subject,
    data: JSON.parse(row.data),
    createdAt: row.created_at,
  };
}

export function toFormatSubscriber(row: SubscriberRow): FormatSubscriber {
  return {
    subscriberId: row.subscriber_id,
    appId: row.app_id,
    secret: row.secret,
    options: JSON.parse(row.options) as Record<string, string>,
  };
}
