import { type ChildProcess, fork } from 'node:child_process';
import { AircheckError } from '@aircheck/protocol';
import type {
  FromWorker,
  ToWorker,
  WorkerEventName,
  WorkerEvents,
  WorkerOptions,
  WorkerRequestName,
  WorkerRequests,
} from './contract.ts';

const ENTRY = new URL('./media-worker.ts', import.meta.url);
/**
 * What a worker allocates are packets, which die young. Helper threads for collecting them cost about a tenth of its whole
 * CPU and save no time that anybody notices. A young generation of 8 MiB from the start (it would grow from 1 MiB, if at
 * all) is collected before packets are taken for old ones. And the heap may grow to five times what lives in it before the
 * old generation is collected: the packets' memory counts for that, so that it was collected twice a second.
 */
export const WORKER_FLAGS = [
  '--single-threaded-gc',
  '--min-semi-space-size=8',
  '--max-semi-space-size=8',
  '--heap-growing-percent=400',
] as const;

/** Threads that write and sync files: one may wait for the disk; of more, each wakes for its part of the work. */
const FILE_THREADS = '2';

/** Names the failure to start, which no request asked for. */
const INIT_ID = 0;
const END_TIMEOUT_MS = 5_000;

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: AircheckError) => void;
  readonly timer: NodeJS.Timeout;
}

/** One media worker process from its start to its end. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  #nextId = INIT_ID + 1;
  #alive = true;

  constructor(
    options: WorkerOptions,
    handlers: {
      onEvent<N extends WorkerEventName>(name: N, body: WorkerEvents[N]): void;
      /** Told once, after all pending requests were rejected. */
      onExit(code: number | null, signal: NodeJS.Signals | null): void;
    },
  ) {
    this.#child = fork(ENTRY, [], {
      execArgv: [...process.execArgv, ...WORKER_FLAGS],
      env: { UV_THREADPOOL_SIZE: FILE_THREADS, ...process.env },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    // Whether anybody waits for it or not.
    this.#ready.promise.catch(() => {});
    this.#child.on('message', (message: FromWorker) => {
      if (message.kind === 'event') handlers.onEvent(message.name, message.body);
      else this.#settle(message);
    });
    const exit = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (!this.#alive) return;
      this.#alive = false;
      const lost = new AircheckError('worker-lost', `The media worker ended (${signal ?? code ?? 'not started'})`);
      this.#ready.reject(lost);
      for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(lost);
      this.#exited.resolve();
      handlers.onExit(code, signal);
    };
    this.#child.on('exit', exit);
    // Where the process could not even be started there is no exit.
    this.#child.on('error', () => {
      if (this.#child.pid === undefined) exit(null, null);
    });
    this.#send({ kind: 'init', options });
  }

  get pid(): number | undefined {
    return this.#alive ? this.#child.pid : undefined;
  }

  /** Resolves when the worker takes requests. Rejects with the AircheckError that kept it from starting. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** @throws AircheckError of the worker; `worker-lost`, `timeout` */
  request<N extends WorkerRequestName>(
    name: N,
    body: WorkerRequests[N]['in'],
    timeoutMs: number,
  ): Promise<WorkerRequests[N]['out']> {
    if (!this.#alive) return Promise.reject(new AircheckError('worker-lost', 'The media worker has ended'));
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      this.#take(id)?.reject(
        new AircheckError('timeout', `The media worker did not answer ${name} in ${timeoutMs} ms`),
      );
    }, timeoutMs);
    this.#pending.set(id, { resolve, reject, timer });
    this.#send({ kind: 'request', id, name, body } as ToWorker);
    return promise as Promise<WorkerRequests[N]['out']>;
  }

  #send(message: ToWorker): void {
    // A channel that just closed: the exit that follows rejects what is pending.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #settle(message: Exclude<FromWorker, { kind: 'event' }>): void {
    if (message.kind === 'ready') this.#ready.resolve();
    else if (message.kind === 'response') this.#take(message.id)?.resolve(message.result);
    else if (message.id === INIT_ID) this.#ready.reject(AircheckError.fromProblem(message.problem));
    else this.#take(message.id)?.reject(AircheckError.fromProblem(message.problem));
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }

  /** Lets the worker go, which finishes what it has; kills it when that takes too long. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_TIMEOUT_MS);
    await this.#exited.promise;
    clearTimeout(timer);
  }
}
