import { classActions } from './class-actions.ts';
import type { Actions } from './context.ts';
import { eventActions } from './event-actions.ts';
import { fileActions } from './file-actions.ts';
import { processingActions } from './processing-actions.ts';
import { queryActions } from './query-actions.ts';
import { taskActions } from './task-actions.ts';
import { templateActions } from './template-actions.ts';
import { uploadActions } from './upload-actions.ts';
import { videoInfoActions } from './video-info-action.ts';
import { watermarkActions } from './watermark-actions.ts';

/** Every action that is known here, by the vendor's name. */
export const actions: Actions = {
  ...queryActions,
  ...videoInfoActions,
  ...fileActions,
  ...classActions,
  ...processingActions,
  ...taskActions,
  ...templateActions,
  ...watermarkActions,
  ...eventActions,
  ...uploadActions,
};
