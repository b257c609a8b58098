import type { ProcedureSpec, RecordingProcess } from '@aircheck/protocol';
import { firstWatermark } from './built-in-templates.ts';

/** The procedure of the app that stands for the transcoding settings of Tencent's console. */
export const convertProcedure = 'ConvertVodFile';

/** What is made when the app has none: SD and HD. */
const defaultDefinitions = [20, 30];

/** Keeps a picture of up to 1080 lines at its size. */
const fullSize = 40;

/**
 * What the vendor's three flags stand for, of a recording and of ConvertVodFile.
 * @param settings - the app's procedure {@link convertProcedure}, where it has one
 */
export function processSpec(
  { transcode, screenshot, watermark }: RecordingProcess,
  settings: ProcedureSpec | undefined,
): ProcedureSpec {
  const nothing = { aac: false, cover: false, sprite: [], snapshotOffsetsMs: [] };
  const byDefault = transcode ? defaultDefinitions : watermark ? [fullSize] : [];
  const spec = (transcode ? settings : undefined) ?? {
    ...nothing,
    transcode: byDefault.map((definition) => ({ definition })),
  };
  return {
    ...spec,
    cover: screenshot || spec.cover,
    transcode: spec.transcode.map((step) => ({ ...step, ...(watermark && { watermark: firstWatermark }) })),
  };
}
