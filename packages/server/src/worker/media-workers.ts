import { AircheckError } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type {
  WorkerEventName,
  WorkerEvents,
  WorkerOptions,
  WorkerRequestName,
  WorkerRequests,
  WorkerStats,
} from './contract.ts';
import { WorkerProcess } from './worker-process.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const START_TIMEOUT_MS = 15_000;
const DRAIN_TIMEOUT_MS = 60_000;
/** The end of a recording waits for the disk, which may be slow. */
const STOP_TIMEOUT_MS = 30_000;
/** A worker that lived that long is started again at once; one that keeps dying, ever later. */
const STABLE_AFTER_MS = 10_000;
const FIRST_BACK_OFF_MS = 250;
const MAX_BACK_OFF_MS = 10_000;

/** Requests that only end what a worker holds of a room. */
const endings: ReadonlySet<WorkerRequestName> = new Set(['closePeer', 'leave', 'closeRoom'] as const);

interface MediaWorkersOptions {
  /** Processes to run. */
  readonly count: number;
  readonly options: Omit<WorkerOptions, 'workerId' | 'portRange'>;
  /** UDP ports for all of them, inclusive; `[0, 0]`: any that are free. */
  readonly portRange: readonly [number, number];
  readonly logger: Logger;
}

/** The place of one worker: the process in it may be another one after a crash. */
interface Slot {
  readonly options: WorkerOptions;
  readonly rooms: Set<string>;
  process: WorkerProcess;
  up: boolean;
  startedAt: number;
  /** Ends in a row that came too soon. */
  failures: number;
  restart: NodeJS.Timeout | undefined;
}

/** Starts the media workers, spreads rooms over them, and starts them again when they die. */
export class MediaWorkers {
  readonly #options: MediaWorkersOptions;
  readonly #slots: Slot[] = [];
  readonly #slotOfRoom = new Map<string, Slot>();
  readonly #listeners = new Map<WorkerEventName, Set<(body: never) => void>>();
  readonly #lostListeners = new Set<(roomKeys: string[]) => void>();
  readonly #waiting = new Set<() => void>();
  #state: 'new' | 'running' | 'draining' | 'closed' = 'new';

  /** @throws AircheckError `config-invalid` when there are fewer ports than workers */
  constructor(options: MediaWorkersOptions) {
    this.#options = options;
    splitPorts(options.portRange, options.count);
  }

  /** Process ids of the workers that are up. */
  get pids(): readonly number[] {
    return this.#slots.flatMap(({ up, process }) => (up ? (process.pid ?? []) : []));
  }

  /**
   * Starts all workers.
   * @throws AircheckError what kept one of them from starting
   */
  async start(): Promise<void> {
    const { options, portRange, count } = this.#options;
    this.#state = 'running';
    for (const [workerId, range] of splitPorts(portRange, count).entries()) {
      this.#slots.push(this.#createSlot({ ...options, workerId, portRange: range }));
    }
    try {
      await Promise.all(this.#slots.map(({ process }) => withTimeout(process.ready, START_TIMEOUT_MS)));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  #createSlot(options: WorkerOptions): Slot {
    const slot: Slot = {
      options,
      rooms: new Set(),
      process: this.#startProcess(options, () => slot),
      up: false,
      startedAt: performance.now(),
      failures: 0,
      restart: undefined,
    };
    this.#whenReady(slot);
    return slot;
  }

  #startProcess(options: WorkerOptions, slot: () => Slot): WorkerProcess {
    return new WorkerProcess(options, {
      onEvent: (name, body) => this.#emit(name, body),
      onExit: (code, signal) => this.#exited(slot(), code, signal),
    });
  }

  #whenReady(slot: Slot): void {
    const { process } = slot;
    const { logger } = this.#options;
    process.ready.then(
      () => {
        slot.up = true;
        logger.info({ worker: slot.options.workerId, workerPid: process.pid }, 'media worker is up');
        for (const wake of [...this.#waiting]) wake();
      },
      (error: unknown) => {
        logger.error({ err: error, worker: slot.options.workerId }, 'media worker did not start');
        // It says why and waits to be let go.
        void process.end();
      },
    );
  }

  #exited(slot: Slot, code: number | null, signal: NodeJS.Signals | null): void {
    slot.up = false;
    const roomKeys = [...slot.rooms];
    slot.rooms.clear();
    for (const roomKey of roomKeys) this.#slotOfRoom.delete(roomKey);
    if (this.#state !== 'running') return;
    const lifeMs = performance.now() - slot.startedAt;
    slot.failures = lifeMs >= STABLE_AFTER_MS ? 0 : slot.failures + 1;
    // The first time at once, whatever its age.
    const delayMs = slot.failures <= 1 ? 0 : Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** (slot.failures - 2));
    const { logger } = this.#options;
    logger.error(
      { worker: slot.options.workerId, code, signal, rooms: roomKeys.length, delayMs },
      'media worker ended',
    );
    slot.restart = setTimeout(() => this.#restart(slot), delayMs);
    for (const listener of [...this.#lostListeners]) listener(roomKeys);
  }

  #restart(slot: Slot): void {
    slot.restart = undefined;
    slot.startedAt = performance.now();
    slot.process = this.#startProcess(slot.options, () => slot);
    this.#whenReady(slot);
  }

  /**
   * Asks the worker that holds the room; a room without one goes to the worker with the fewest, but for requests that
   * only end something.
   * @throws AircheckError of the worker; `worker-lost` when it dies, `timeout`, `draining` after the end has begun
   */
  async request<N extends WorkerRequestName>(
    roomKey: string,
    name: N,
    body: WorkerRequests[N]['in'],
  ): Promise<WorkerRequests[N]['out']> {
    const known = this.#slotOfRoom.get(roomKey);
    // What a worker that is gone held went with it: another one has nothing to end, and must not take the room for it.
    if (known === undefined && endings.has(name)) return {} as WorkerRequests[N]['out'];
    const slot = known ?? (await this.#assign(roomKey));
    if (this.#state !== 'running') throw new AircheckError('draining', 'The server is shutting down');
    return slot.process.request(name, body, name === 'stopRecording' ? STOP_TIMEOUT_MS : REQUEST_TIMEOUT_MS);
  }

  async #assign(roomKey: string): Promise<Slot> {
    const deadline = performance.now() + REQUEST_TIMEOUT_MS;
    while (this.#state === 'running') {
      // Another request for the same room may have waited as well.
      const assigned = this.#slotOfRoom.get(roomKey);
      if (assigned !== undefined) return assigned;
      const [slot] = this.#slots.filter(({ up }) => up).sort((a, b) => a.rooms.size - b.rooms.size);
      if (slot !== undefined) {
        slot.rooms.add(roomKey);
        this.#slotOfRoom.set(roomKey, slot);
        return slot;
      }
      await this.#untilOneIsUp(deadline - performance.now());
    }
    throw new AircheckError('draining', 'The server is shutting down');
  }

  #untilOneIsUp(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(
        () => {
          this.#waiting.delete(done);
          reject(new AircheckError('worker-lost', 'No media worker is up'));
        },
        Math.max(0, timeoutMs),
      );
      this.#waiting.add(done);
    });
  }

  /** The room is empty: the next one to use its name may go to another worker. */
  releaseRoom(roomKey: string): void {
    this.#slotOfRoom.get(roomKey)?.rooms.delete(roomKey);
    this.#slotOfRoom.delete(roomKey);
  }

  /** @returns function that ends the listening */
  on<N extends WorkerEventName>(name: N, listener: (body: WorkerEvents[N]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #emit<N extends WorkerEventName>(name: N, body: WorkerEvents[N]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])] as ((body: WorkerEvents[N]) => void)[])
      listener(body);
  }

  /**
   * Told with the rooms of a worker that died, after its pending requests were rejected.
   * @returns function that ends the listening
   */
  onWorkerLost(listener: (roomKeys: string[]) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** Figures of the workers that are up and answer. */
  async stats(): Promise<WorkerStats[]> {
    const answers = await Promise.allSettled(
      this.#slots.filter(({ up }) => up).map(({ process }) => process.request('stats', {}, REQUEST_TIMEOUT_MS)),
    );
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  /** Ends all recordings, which are told by events, and all peers; takes no requests any more. */
  async drain(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'draining';
    this.#stopRestarts();
    const drained = this.#slots
      .filter(({ up }) => up)
      .map(({ process }) => process.request('drain', {}, DRAIN_TIMEOUT_MS));
    for (const result of await Promise.allSettled(drained)) {
      if (result.status === 'rejected')
        this.#options.logger.error({ err: result.reason }, 'media worker did not drain');
    }
  }

  #stopRestarts(): void {
    for (const slot of this.#slots) clearTimeout(slot.restart);
    for (const wake of [...this.#waiting]) wake();
  }

  /** Lets all workers go and waits for their ends; may be called twice. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#stopRestarts();
    await Promise.all(this.#slots.map(({ process }) => process.end()));
  }
}

/**
 * A share of the ports for each worker.
 * @throws AircheckError `config-invalid` when there are fewer ports than workers
 */
function splitPorts([first, last]: readonly [number, number], count: number): (readonly [number, number])[] {
  if (first === 0) return Array.from({ length: count }, () => [0, 0] as const);
  const share = Math.floor((last - first + 1) / count);
  if (share < 1) {
    throw new AircheckError(
      'config-invalid',
      `${count} media workers need ${count} UDP ports, ${first}-${last} are fewer`,
    );
  }
  return Array.from({ length: count }, (_, index) => {
    const start = first + index * share;
    return [start, index === count - 1 ? last : start + share - 1] as const;
  });
}

async function withTimeout(promise: Promise<void>, timeoutMs: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new AircheckError('timeout', 'A media worker did not start in time')),
    timeoutMs,
  );
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
