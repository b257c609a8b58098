import { AircheckError } from '@aircheck/protocol/errors';
import { ModuleWorker as Worker } from './module-worker.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** The page's end of the line to the worker of a recording. */
export class RecorderWorkerLink {
  readonly #worker = new Worker(new URL('./worker/recorder-worker.ts', import.meta.url), { type: 'module' });
  readonly #reads = new Map<number, (bytes: Uint8Array<ArrayBuffer>) => void>();
  #reading = 0;

  /**
   * Resolves when the worker takes messages.
   * @param onCrash - the worker did not know what to do; it records nothing any more
   * @throws AircheckError `browser-unsupported` when it can't be started
   */
  static async open(
    onMessage: (message: FromWorker) => void,
    onCrash: (detail: string) => void,
  ): Promise<RecorderWorkerLink> {
    const link = new RecorderWorkerLink();
    try {
      await link.#listen(onMessage);
      link.#worker.onerror = ({ message }) => onCrash(message);
    } catch (error) {
      link.close();
      throw error;
    }
    return link;
  }

  #listen(onMessage: (message: FromWorker) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#worker.onerror = (event) => {
        reject(
          new AircheckError('browser-unsupported', 'The worker of the recorder did not start', {
            hint: 'Allow blob: in worker-src of the content security policy, and https: scripts of the server',
            cause: event.error ?? event.message,
          }),
        );
      };
      this.#worker.onmessage = ({ data: message }: MessageEvent<FromWorker>) => {
        if (message.type === 'ready') resolve();
        else if (message.type === 'bytes') this.#answered(message.request, new Uint8Array(message.bytes));
        else onMessage(message);
      };
    });
  }

  readonly post = (message: ToWorker, transfer: Transferable[] = []): void => {
    this.#worker.postMessage(message, transfer);
  };

  /** Bytes of the file that is being written. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const request = ++this.#reading;
    return new Promise((resolve) => {
      this.#reads.set(request, resolve);
      this.post({ type: 'read', request, offset, length });
    });
  }

  /** Ends the worker; what is being read is never answered. */
  close(): void {
    this.#worker.terminate();
    this.#reads.clear();
  }

  #answered(request: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#reads.get(request)?.(bytes);
    this.#reads.delete(request);
  }
}
