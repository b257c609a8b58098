import type { FinishedFacts, RecordingFacts } from '../facts.ts';
import type { UploadNote } from './storage.ts';

/** What the page has done in a worker, since files are written there alone and long reading is not for a page. */
export interface KeeperTasks {
  /** Makes a whole file of what a crashed tab left, and notes it in the facts. */
  finish: { readonly input: RecordingFacts; readonly result: FinishedFacts };
  /** Hex SHA-256 of a finished file. */
  hash: { readonly input: { readonly file: File }; readonly result: string };
  /** Keeps what an upload needs to go on; undefined forgets it. */
  note: { readonly input: { readonly id: string; readonly note: UploadNote | undefined }; readonly result: undefined };
}
export type KeeperTask = keyof KeeperTasks;

export type KeeperRequest = {
  [Task in KeeperTask]: { readonly task: Task; readonly input: KeeperTasks[Task]['input'] };
}[KeeperTask];

export type KeeperAnswer =
  | { readonly result: KeeperTasks[KeeperTask]['result'] }
  | { readonly error: { readonly name: string; readonly message: string } };
