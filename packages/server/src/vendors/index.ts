import type { Recording } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/index.ts';
import type { DeliveryFormats } from '../events/index.ts';
import type { Jobs } from '../jobs/index.ts';
import type { Library, MediaUrls } from '../library/index.ts';
import { LiveCallback } from './tencent/live-callback.ts';
import { VodEvents } from './tencent/vod-events.ts';
import { VendorFiles } from './vendor-files.ts';
import { Meetings } from './yunxin/meetings.ts';
import { type Meeting, MessageCopy } from './yunxin/message-copy.ts';

export { registerTencentApi } from './tencent/api/index.ts';
export { Hotlinks } from './tencent/hotlink.ts';
export { looksLikeUserSig } from './tencent/user-sig.ts';
export { UserSigs } from './tencent/user-sigs.ts';
export { registerVideorelay } from './tencent/videorelay.ts';

export interface VendorFormatsOptions {
  readonly library: Pick<Library, 'get' | 'derivativesOf' | 'settings'>;
  readonly urls: MediaUrls;
  readonly jobs: Pick<Jobs, 'get' | 'list'>;
  readonly recording: (appId: string, recordingId: string) => Promise<Recording>;
  /** The meeting that is on in a room. */
  readonly meeting: (appId: string, roomId: string) => Meeting | undefined;
  readonly db: Database;
  readonly clock: Clock;
}

/** How events are told to subscribers that speak a vendor's format. */
export function vendorFormats(options: VendorFormatsOptions) {
  const { library, urls, jobs, recording, clock } = options;
  const meetings = new Meetings(options.db, options.meeting);
  const files = new VendorFiles(library, urls);
  const { settings } = library;
  const vodEvents = new VodEvents({ files, settings, jobs, recording });
  return {
    'tencent-vod': vodEvents,
    'tencent-queue': vodEvents,
    'tencent-live': new LiveCallback({ files, settings, recording, clock }),
    yunxin: new MessageCopy({ files, meeting: (appId, asset) => meetings.of(appId, asset), clock }),
  } satisfies DeliveryFormats;
}
