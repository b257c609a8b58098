import type { Upload } from '@aircheck/protocol';
import { useSyncExternalStore } from 'react';
import { libraryApi } from '../../library-api.ts';

/** `waiting` for its turn → `sending` ⇄ `paused` → `checking` → `ready` | `rejected`; `broken`: may be tried again. */
export type SendingState = 'waiting' | 'sending' | 'paused' | 'checking' | 'ready' | 'rejected' | 'broken';

export interface Sending {
  readonly id: number;
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly sentBytes: number;
  readonly state: SendingState;
  /** Why it was rejected. */
  readonly detail: string | null;
  readonly fileId: string | null;
}

interface Transfer {
  sending: Sending;
  readonly start: () => Promise<void>;
  /** Ends the transfer of this moment; the server keeps what it has. */
  pause?: () => void;
  /** Tells the server to forget it. */
  giveUp?: () => void;
}

/** Files that are sent at once; more would only share the same line. */
const parallel = 2;
const checkEveryMs = 700;

let transfers: readonly Transfer[] = [];
let snapshot: readonly Sending[] = [];
let nextId = 1;
const listeners = new Set<() => void>();
const readyListeners = new Set<() => void>();

/** The uploads of this page, the oldest first. They go on while other pages of the console are looked at. */
export function useUploads(): readonly Sending[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => snapshot,
  );
}

/** Tells when a file has come into the library. @returns a function that ends it */
export function onUploadReady(listener: () => void): () => void {
  readyListeners.add(listener);
  return () => readyListeners.delete(listener);
}

/** Sends files to the library. The same file, chosen again after a break, goes on where it was. */
export function addUploads(files: readonly File[], classId: number): void {
  const added = files.map((file): Transfer => {
    const transfer: Transfer = {
      sending: {
        id: nextId++,
        fileName: file.name,
        sizeBytes: file.size,
        sentBytes: 0,
        state: 'waiting',
        detail: null,
        fileId: null,
      },
      start: () => send(transfer, file, classId),
    };
    return transfer;
  });
  transfers = [...transfers, ...added];
  publish();
  startNext();
}

export function pauseUpload(id: number): void {
  const transfer = find(id);
  transfer?.pause?.();
  if (transfer !== undefined) change(transfer, { state: 'paused' });
  startNext();
}

export function resumeUpload(id: number): void {
  const transfer = find(id);
  if (transfer !== undefined) change(transfer, { state: 'waiting', detail: null });
  startNext();
}

/** Takes an upload off the list; one that is under way is given up. */
export function removeUpload(id: number): void {
  const transfer = find(id);
  if (transfer === undefined) return;
  transfer.giveUp?.();
  transfers = transfers.filter((one) => one !== transfer);
  publish();
  startNext();
}

/** Takes those off the list that have come to an end. */
export function clearUploads(): void {
  transfers = transfers.filter(({ sending }) => !['ready', 'rejected'].includes(sending.state));
  publish();
}

async function send(transfer: Transfer, file: File, classId: number): Promise<void> {
  change(transfer, { state: 'sending', detail: null });
  const { Upload: TusUpload } = await import('tus-js-client');
  const upload = new TusUpload(file, {
    endpoint: `${window.location.origin}/v1/uploads`,
    metadata: { fileName: file.name, classId: String(classId) },
    retryDelays: [500, 1_000, 3_000, 5_000, 10_000, 20_000],
    removeFingerprintOnSuccess: true,
    onProgress: (sentBytes) => change(transfer, { sentBytes }),
    onError: (error) => {
      change(transfer, { state: 'broken', detail: detailOf(error) });
      startNext();
    },
    onSuccess: () => {
      delete transfer.pause;
      delete transfer.giveUp;
      change(transfer, { state: 'checking', sentBytes: file.size });
      startNext();
      void untilChecked(transfer, upload.url?.split('/').at(-1) ?? '');
    },
  });
  transfer.pause = () => void upload.abort();
  transfer.giveUp = () => void upload.abort(true).catch(() => undefined);
  const [previous] = await upload.findPreviousUploads().catch(() => []);
  if (previous !== undefined) upload.resumeFromPreviousUpload(previous);
  // Paused or removed while this was found out.
  if (transfer.sending.state === 'sending' && transfers.includes(transfer)) upload.start();
}

async function untilChecked(transfer: Transfer, uploadId: string): Promise<void> {
  for (;;) {
    let upload: Upload;
    try {
      upload = await libraryApi.upload(uploadId);
    } catch (error) {
      change(transfer, { state: 'broken', detail: error instanceof Error ? error.message : null });
      return;
    }
    if (upload.state === 'ready' || upload.state === 'rejected' || upload.state === 'aborted') {
      const state = upload.state === 'ready' ? 'ready' : 'rejected';
      change(transfer, { state, detail: upload.detail, fileId: upload.fileId });
      if (state === 'ready') for (const listener of readyListeners) listener();
      return;
    }
    await new Promise((done) => setTimeout(done, checkEveryMs));
  }
}

/** What the server said is wrong, of what the tus client made of it. */
function detailOf(error: Error): string {
  const body =
    'originalResponse' in error ? (error.originalResponse as { getBody(): string } | null)?.getBody() : undefined;
  try {
    return (JSON.parse(body ?? '') as { detail: string }).detail;
  } catch {
    return '';
  }
}

function startNext(): void {
  const busy = transfers.filter(({ sending }) => sending.state === 'sending').length;
  const waiting = transfers.filter(({ sending }) => sending.state === 'waiting');
  for (const transfer of waiting.slice(0, Math.max(0, parallel - busy))) {
    transfer.start().catch((error: unknown) => {
      change(transfer, { state: 'broken', detail: error instanceof Error ? error.message : '' });
    });
  }
}

function find(id: number): Transfer | undefined {
  return transfers.find(({ sending }) => sending.id === id);
}

function change(transfer: Transfer, changes: Partial<Sending>): void {
  transfer.sending = { ...transfer.sending, ...changes };
  publish();
}

function publish(): void {
  snapshot = transfers.map(({ sending }) => sending);
  for (const listener of listeners) listener();
}

window.addEventListener('beforeunload', (event) => {
  // Leaving would break off what is being sent; the browser asks first.
  if (transfers.some(({ sending }) => sending.state === 'sending' || sending.state === 'waiting'))
    event.preventDefault();
});
