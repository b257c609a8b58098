import { type ChildProcess, fork } from 'node:child_process';
import { AircheckError } from '@aircheck/protocol';
import type { FromJobWorker, ToJobWorker } from './contract.ts';
import type { WorkName, WorkOrders, WorkResults } from './work-orders.ts';

const entry = new URL('./job-worker.ts', import.meta.url);

/** How long a work may take to end after it was told to, in milliseconds. */
const abortGraceMs = 3000;

/** Works after which a process is replaced: what native code leaks a little of must not add up. */
const maxWorks = 200;

/** The process ended, or had to be ended, while it worked: nobody knows what of it was the fault. */
export class JobWorkerCrash extends Error {
  override readonly name = 'JobWorkerCrash';
}

export interface WorkOptions {
  /** Absolute path of an empty folder for what is made. */
  readonly folder: string;
  /** Milliseconds without a sign of life after which the process is ended. */
  readonly hangMs: number;
  readonly signal: AbortSignal;
  onProgress(percent: number): void;
}

interface Current {
  readonly id: number;
  readonly result: PromiseWithResolvers<WorkResults[WorkName]>;
  readonly onProgress: (percent: number) => void;
  /** Why the process was ended by us. */
  killed: string | undefined;
}

/** A worker decodes what strangers have sent: it is not told the secrets of the server. */
function environment(): NodeJS.ProcessEnv {
  const secret = /^(AIRCHECK_|DATABASE_URL$|PG)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !secret.test(name)));
}

/** One job worker process, from its start to its end. */
export class JobProcess {
  readonly #child: ChildProcess;
  readonly #exited = Promise.withResolvers<void>();
  /** Works that it was given. */
  works = 0;
  #alive = true;
  #current: Current | undefined;

  constructor() {
    this.#child = fork(entry, [], {
      env: environment(),
      execArgv: process.execArgv,
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message: FromJobWorker) => this.#onMessage(message));
    const exit = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (!this.#alive) return;
      this.#alive = false;
      const how = this.#current?.killed ?? `The job worker ended by ${signal ?? `code ${code ?? 'unknown'}`}`;
      this.#current?.result.reject(new JobWorkerCrash(how));
      this.#exited.resolve();
    };
    this.#child.on('exit', exit);
    // Where the process could not even be started there is no exit.
    this.#child.on('error', () => {
      if (this.#child.pid === undefined) exit(null, null);
    });
  }

  get pid(): number | undefined {
    return this.#alive ? this.#child.pid : undefined;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /**
   * Has a work done; one at a time.
   * @throws AircheckError of the work; JobWorkerCrash when the process ended or hung; the signal's reason
   */
  async work<N extends WorkName>(
    name: N,
    order: WorkOrders[N],
    { folder, hangMs, signal, onProgress }: WorkOptions,
  ): Promise<WorkResults[N]> {
    signal.throwIfAborted();
    const id = ++this.works;
    let timer: NodeJS.Timeout | undefined;
    const kill = (why: string): void => {
      current.killed = why;
      this.#child.kill('SIGKILL');
    };
    const live = (): void => {
      clearTimeout(timer);
      timer = setTimeout(kill, hangMs, `The job worker showed no progress for ${hangMs / 1000} s`);
    };
    const abort = (): void => {
      this.#send({ kind: 'abort', id });
      clearTimeout(timer);
      timer = setTimeout(kill, abortGraceMs, 'The work did not end when it was cancelled');
    };
    const current: Current = {
      id,
      result: Promise.withResolvers(),
      onProgress: (percent) => {
        if (signal.aborted) return;
        live();
        onProgress(percent);
      },
      killed: undefined,
    };
    this.#current = current;
    signal.addEventListener('abort', abort, { once: true });
    live();
    if (this.#alive) this.#send({ kind: 'order', id, name, order, folder } as ToJobWorker);
    else current.result.reject(new JobWorkerCrash('The job worker has ended'));
    try {
      return (await current.result.promise) as WorkResults[N];
    } catch (error) {
      // However it ended then: nobody waits for it any more.
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      this.#current = undefined;
    }
  }

  #onMessage(message: FromJobWorker): void {
    const current = this.#current;
    if (message.kind === 'ready' || message.id !== current?.id) return;
    if (message.kind === 'progress') current.onProgress(message.percent);
    else if (message.kind === 'result') current.result.resolve(message.result);
    else current.result.reject(AircheckError.fromProblem(message.problem));
  }

  #send(message: ToJobWorker): void {
    // A channel that just closed: the exit that follows ends the work.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Ends the process at once, whatever it does; may be called twice. */
  async kill(): Promise<void> {
    if (this.#alive) this.#child.kill('SIGKILL');
    await this.#exited.promise;
  }
}

/** The job workers: started when there is work, ended when there has been none for a while. */
export class JobProcesses {
  readonly #idleMs: number;
  readonly #all = new Set<JobProcess>();
  readonly #idle = new Map<JobProcess, NodeJS.Timeout>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  get pids(): readonly number[] {
    return [...this.#all].flatMap(({ pid }) => pid ?? []);
  }

  /** A process without work; give it back by {@link release}. */
  take(): JobProcess {
    // The one that worked last: the others come to their end.
    const [idle, timer] = [...this.#idle].at(-1) ?? [];
    if (idle !== undefined) {
      clearTimeout(timer);
      this.#idle.delete(idle);
      if (idle.alive) return idle;
    }
    const started = new JobProcess();
    this.#all.add(started);
    void started.exited.then(() => {
      clearTimeout(this.#idle.get(started));
      this.#idle.delete(started);
      this.#all.delete(started);
    });
    return started;
  }

  release(process: JobProcess): void {
    if (!process.alive) return;
    if (process.works >= maxWorks) return void process.kill();
    const timer = setTimeout(() => void process.kill(), this.#idleMs);
    this.#idle.set(process, timer);
  }

  /** Ends all of them at once. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((process) => process.kill()));
  }
}
