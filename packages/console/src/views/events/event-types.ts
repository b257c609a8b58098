import type { EventType, SubscriberKind } from '@aircheck/protocol';

/** Names in their order; the types see to it that none is missing. */
const namesOf = <T extends string>(names: Record<T, true>): readonly T[] => Object.keys(names) as T[];

export const subscriberKinds = namesOf<SubscriberKind>({
  webhook: true,
  'tencent-vod': true,
  'tencent-live': true,
  yunxin: true,
  queue: true,
  'tencent-queue': true,
});
export const queueKinds: readonly SubscriberKind[] = ['queue', 'tencent-queue'];

export const singleEventTypes = namesOf<EventType>({
  'recording.starting': true,
  'recording.recording': true,
  'recording.paused': true,
  'recording.finalizing': true,
  'recording.interrupted': true,
  'recording.ready': true,
  'recording.failed': true,
  'asset.ready': true,
  'asset.updated': true,
  'asset.recycled': true,
  'asset.restored': true,
  'asset.banned': true,
  'asset.unbanned': true,
  'asset.deleted': true,
  'job.done': true,
  'job.failed': true,
  'job.cancelled': true,
  'procedure.changed': true,
  'upload.ready': true,
  'upload.rejected': true,
  'room.ended': true,
  'subscriber.test': true,
});

// A test event is told to one subscriber alone, whatever it chose.
const chosen = singleEventTypes.filter((type) => type !== 'subscriber.test');

/** What a subscriber may choose: everything, an area, or one type. */
export const eventTypes: readonly string[] = [
  '*',
  ...new Set(chosen.map((type) => `${type.split('.')[0]}.*`)),
  ...chosen,
];
