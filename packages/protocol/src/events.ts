import { z } from 'zod';
import { JobState } from './jobs.ts';
import { FileId } from './library.ts';
import { RoomId, StorableText, UserId } from './model.ts';

/** Everything that is told. The part before the dot says what `data` is. */
export const EventType = z.enum([
  // data: Recording
  'recording.starting',
  'recording.recording',
  'recording.paused',
  'recording.finalizing',
  'recording.interrupted',
  'recording.ready',
  'recording.failed',
  // data: Asset; `asset.ready`: a new file is whole in the library
  'asset.ready',
  'asset.updated',
  'asset.recycled',
  'asset.restored',
  'asset.banned',
  'asset.unbanned',
  // data: AssetDeleted
  'asset.deleted',
  // data: Job
  'job.done',
  'job.failed',
  'job.cancelled',
  // data: ProcedureChanged
  'procedure.changed',
  // data: Upload; `upload.ready` comes after `asset.ready` of its file
  'upload.ready',
  'upload.rejected',
  // data: RoomEnded
  'room.ended',
  // data: SubscriberTest; told to that one subscriber alone, whatever its filter
  'subscriber.test',
]);
export type EventType = z.infer<typeof EventType>;

export const AssetDeleted = z.object({
  fileId: FileId,
  fileName: z.string(),
  recordingId: z.string().nullable(),
  /** When it was put into the recycle bin; null where it went past that. */
  recycledAt: z.iso.datetime().nullable(),
  /** `request`: somebody asked for it; `expiry`: its time had come; `retention`: a rule. */
  reason: z.enum(['request', 'expiry', 'retention']),
});
export type AssetDeleted = z.infer<typeof AssetDeleted>;

export const ProcedureChanged = z.object({
  jobId: z.string(),
  fileId: FileId,
  name: z.string().nullable(),
  state: JobState,
  /** Its jobs. */
  jobs: z.array(z.object({ jobId: z.string(), type: z.string(), state: JobState, definition: z.int().nullable() })),
});
export type ProcedureChanged = z.infer<typeof ProcedureChanged>;

/** The last participant has left: one meeting in a room, from its first join on. */
export const RoomEnded = z.object({
  roomId: RoomId,
  /** Decimal digits; names this one meeting. */
  channelId: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  /** Whether anybody sent a picture. */
  video: z.boolean(),
  participants: z.array(z.object({ userId: UserId, /** Came first. */ creator: z.boolean(), durationMs: z.number() })),
});
export type RoomEnded = z.infer<typeof RoomEnded>;

export const SubscriberTest = z.object({ subscriberId: z.string() });
export type SubscriberTest = z.infer<typeof SubscriberTest>;

export const Event = z.object({
  eventId: z.string(),
  type: EventType,
  /** What order is kept for: a recording's id, else a file's, a job's, a room's. */
  subject: z.string(),
  createdAt: z.iso.datetime(),
  data: z.unknown(),
});
export type Event = z.infer<typeof Event>;
export const EventQuery = z.object({
  type: EventType.optional(),
  subject: z.string().max(200).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const EventList = z.object({ items: z.array(Event), nextCursor: z.string().nullable() });
export type EventList = z.infer<typeof EventList>;

/**
 * `webhook`: our events, signed by the Standard Webhooks scheme. `tencent-vod`: VOD 4.0 envelopes. `tencent-live`:
 * live-code record callback. `yunxin`: 抄送. `queue`: our events, fetched by the subscriber. `tencent-queue`: VOD
 * envelopes, fetched by PullEvent.
 */
export const SubscriberKind = z.enum(['webhook', 'tencent-vod', 'tencent-live', 'yunxin', 'queue', 'tencent-queue']);
export type SubscriberKind = z.infer<typeof SubscriberKind>;

/** Event types, one area of them such as `recording.*`, or all: `*`. */
export const EventFilter = z.union([z.literal('*'), z.string().regex(/^[a-z]+\.\*$/), EventType]);

export const Subscriber = z.object({
  subscriberId: z.string(),
  name: z.string(),
  kind: SubscriberKind,
  url: z.url().nullable(),
  types: z.array(EventFilter),
  /** What the kind needs: `appKey` for yunxin. */
  options: z.record(z.string(), z.string()),
  enabled: z.boolean(),
  createdAt: z.iso.datetime(),
  /** Deliveries that wait, and those given up. */
  pending: z.int(),
  failed: z.int(),
});
export type Subscriber = z.infer<typeof Subscriber>;
export const SubscriberList = z.object({ items: z.array(Subscriber) });
export const CreateSubscriberRequest = z.object({
  name: StorableText.min(1).max(100),
  kind: SubscriberKind,
  /** Needed for all but the queues. */
  url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .optional(),
  types: z.array(EventFilter).min(1).max(50).default(['*']),
  /** Made where it is absent; answered once. `whsec_…` for `webhook`, KEY for `tencent-live`, appSecret for `yunxin`. */
  secret: z.string().min(8).max(200).optional(),
  options: z.record(z.string().max(50), z.string().max(200)).default({}),
});
export type CreateSubscriberRequest = z.input<typeof CreateSubscriberRequest>;
/** The secret is shown this once. */
export const CreatedSubscriber = Subscriber.extend({ secret: z.string() });
export type CreatedSubscriber = z.infer<typeof CreatedSubscriber>;
export const UpdateSubscriberRequest = z.object({
  name: StorableText.min(1).max(100).optional(),
  url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .optional(),
  types: z.array(EventFilter).min(1).max(50).optional(),
  options: z.record(z.string().max(50), z.string().max(200)).optional(),
  enabled: z.boolean().optional(),
});

/** `failed`: given up after 72 hours. `skipped`: nothing for such a subscriber. */
export const DeliveryState = z.enum(['pending', 'delivered', 'failed', 'skipped']);
export type DeliveryState = z.infer<typeof DeliveryState>;
export const DeliveryAttempt = z.object({
  attempt: z.int(),
  at: z.iso.datetime(),
  status: z.int().nullable(),
  latencyMs: z.number(),
  /** First KiB of what was answered. */
  answer: z.string(),
  error: z.string().nullable(),
});
export const Delivery = z.object({
  deliveryId: z.string(),
  subscriberId: z.string(),
  eventId: z.string(),
  type: EventType,
  subject: z.string(),
  state: DeliveryState,
  attempts: z.int(),
  nextAttemptAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
  /** Every attempt, oldest first; in a list the last one alone. */
  log: z.array(DeliveryAttempt),
});
export type Delivery = z.infer<typeof Delivery>;
export const DeliveryList = z.object({ items: z.array(Delivery), nextCursor: z.string().nullable() });
export type DeliveryList = z.infer<typeof DeliveryList>;
export const DeliveryQuery = z.object({
  subscriberId: z.string().max(100).optional(),
  eventId: z.string().max(100).optional(),
  state: DeliveryState.optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
/** Tells events again to one subscriber: those named, or all of a time range. */
export const ReplayRequest = z.union([
  z.object({ eventIds: z.array(z.string().max(100)).min(1).max(1000) }),
  z.object({ from: z.iso.datetime({ offset: true }), to: z.iso.datetime({ offset: true }) }),
]);
export const ReplayResponse = z.object({ deliveries: z.int() });
/** `POST /v1/subscribers/{id}/pull`: waits up to `waitSeconds` for events. A handle is good for 30 s. */
export const PullEventsRequest = z.object({
  limit: z.int().min(1).max(100).default(16),
  waitSeconds: z.number().min(0).max(20).default(5),
});
export const PulledEvents = z.object({ items: z.array(z.object({ handle: z.string(), event: z.unknown() })) });
export const ConfirmEventsRequest = z.object({ handles: z.array(z.string().max(200)).min(1).max(100) });
export const ConfirmedEvents = z.object({ confirmed: z.int() });
