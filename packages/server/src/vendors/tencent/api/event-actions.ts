import type { Actions } from './context.ts';

/** How long an empty queue is listened to (266/7818). */
const waitMs = 5000;
const batch = 16;

/** The reliable queue: events of the subscriber of kind `tencent-queue`. */
export const eventActions: Actions = {
  async PullEvent({ queue, appId, signal }) {
    const events = await queue.pull(appId, { limit: batch, waitMs, kind: 'tencent-queue', signal });
    return { eventList: events.map(({ handle, body }) => ({ msgHandle: handle, eventContent: JSON.parse(body) })) };
  },

  /** @throws AircheckError `request-invalid` when one of the handles is older than 30 s, or none */
  async ConfirmEvent({ queue, appId }, parameters) {
    const handles = [...new Set(parameters.list('msgHandle'))];
    if (handles.length === 0) throw parameters.invalid('msgHandle', 'is missing');
    if (handles.length > 1000) throw parameters.invalid('msgHandle', 'names more than 1000');
    const confirmed = await queue.confirm(appId, handles, { kind: 'tencent-queue' });
    if (confirmed < handles.length) {
      throw parameters.invalid('msgHandle', `is not good (any more) for ${handles.length - confirmed} of the events`);
    }
    return {};
  },
};
