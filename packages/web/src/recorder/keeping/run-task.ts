import { AircheckError } from '@aircheck/protocol/errors';
import { ModuleWorker as Worker } from '../module-worker.ts';
import type { KeeperAnswer, KeeperTask, KeeperTasks } from './keeper-messages.ts';

/**
 * Does a task in a worker of its own.
 * @throws AircheckError `recording-not-found`, `recording-state` when another tab writes the file, `storage-full`,
 *   `storage-failed`
 */
export function runTask<Task extends KeeperTask>(
  task: Task,
  input: KeeperTasks[Task]['input'],
): Promise<KeeperTasks[Task]['result']> {
  const worker = new Worker(new URL('./keeper-worker.ts', import.meta.url), {
    type: 'module',
    name: 'aircheck-keeper',
  });
  const { promise, resolve, reject } = Promise.withResolvers<KeeperTasks[Task]['result']>();
  worker.onmessage = ({ data }: MessageEvent<KeeperAnswer>) => {
    if ('result' in data) resolve(data.result as KeeperTasks[Task]['result']);
    else reject(storageError(data.error));
  };
  worker.onerror = ({ message }) => {
    reject(new AircheckError('storage-failed', `The worker that keeps recordings failed: ${message}`));
  };
  worker.postMessage({ task, input });
  return promise.finally(() => worker.terminate());
}

/** What a browser's storage says, in the project's terms. */
export function storageError(error: { readonly name: string; readonly message: string }): AircheckError {
  if (error instanceof AircheckError) return error;
  const cause = { cause: error };
  switch (error.name) {
    case 'NotFoundError':
      return new AircheckError('recording-not-found', 'The recording is not in this browser any more', cause);
    case 'NoModificationAllowedError':
    case 'InvalidModificationError':
      return new AircheckError('recording-state', 'The recording is being written', cause);
    case 'QuotaExceededError':
      return new AircheckError('storage-full', 'The browser has no more room for this page', cause);
    default:
      return new AircheckError('storage-failed', `The browser's storage failed: ${error.message}`, cause);
  }
}
