import type { EventType, SubscriberKind } from '@aircheck/protocol';

export const subscriberKinds: readonly SubscriberKind[] = [
  'webhook',
  'tencent-vod',
  'tencent-live',
  'yunxin',
  'queue',
  'tencent-queue',
];
export const queueKinds: readonly SubscriberKind[] = ['queue', 'tencent-queue'];

const types: readonly EventType[] = [
  'recording.starting',
  'recording.recording',
  'recording.paused',
  'recording.finalizing',
  'recording.interrupted',
  'recording.ready',
  'recording.failed',
  'asset.ready',
  'asset.updated',
  'asset.recycled',
  'asset.restored',
  'asset.banned',
  'asset.unbanned',
  'asset.deleted',
  'job.done',
  'job.failed',
  'job.cancelled',
  'procedure.changed',
  'upload.rejected',
  'room.ended',
];

export const singleEventTypes: readonly EventType[] = [...types, 'subscriber.test'];

/** What a subscriber may choose: everything, an area, or one type. */
export const eventTypes: readonly string[] = [
  '*',
  ...new Set(types.flatMap((type) => [`${type.split('.')[0]}.*`])),
  ...types,
];
