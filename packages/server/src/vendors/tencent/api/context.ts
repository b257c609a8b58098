import { AircheckError } from '@aircheck/protocol';
import type { EventQueue } from '../../../events/index.ts';
import type { Jobs } from '../../../jobs/index.ts';
import type { Library, MediaUrls, StoredAsset, Uploads } from '../../../library/index.ts';
import type { VodEvents } from '../vod-events.ts';
import type { Parameters } from './parameters.ts';
import type { UploadTickets } from './upload-tickets.ts';
import type { WatermarkFiles } from './watermark-files.ts';

/** What the actions are carried out by. */
export interface ActionServices {
  readonly library: Library;
  readonly urls: MediaUrls;
  readonly jobs: Jobs;
  readonly uploads: Uploads;
  readonly queue: EventQueue;
  /** The vendor's events, which tell what its tasks have come to. */
  readonly taskEvents: Pick<VodEvents, 'describe'>;
}

export interface ActionContext extends ActionServices {
  readonly appId: string;
  readonly tickets: UploadTickets;
  readonly watermarkFiles: WatermarkFiles;
  /** `https://host:port` that links in answers begin with. */
  readonly origin: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** @returns what is answered beside `code` and `message` */
export type Action = (context: ActionContext, parameters: Parameters) => Promise<object>;
export type Actions = Readonly<Record<string, Action>>;

/**
 * The file that a parameter names. What is in the recycle bin is deleted in the vendor's eyes.
 * @throws AircheckError `request-invalid` when none is named, `asset-not-found`
 */
export async function fileOf(context: ActionContext, parameters: Parameters, name = 'fileId'): Promise<StoredAsset> {
  return requireFile(context, parameters.required(name));
}

/** @throws AircheckError `asset-not-found`, also for a file in the recycle bin */
export async function requireFile({ library, appId }: ActionContext, fileId: string): Promise<StoredAsset> {
  const stored = await library.get(fileId, appId);
  if (isGone(stored)) throw new AircheckError('asset-not-found', `There is no file ${fileId}`);
  return stored;
}

export function isGone({ asset }: StoredAsset): boolean {
  return asset.state === 'recycled' || asset.state === 'deleting';
}
