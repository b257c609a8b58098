import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { z } from 'zod';

const LockFile = z.object({ pid: z.int(), port: z.int() });
const DoorAnswer = z.object({ name: z.literal('aircheck-agent'), agentId: z.string() });

/** Between taking the lock and opening the door the lock is touched: one that was not for so long is of a crash. */
const STARTING_MS = 30_000;
const TOUCH_MS = 5_000;
const ANSWER_MS = 2_000;

/** Sees to it that one agent at a time uses a state folder: two would finish each other's files. */
export class AgentLock {
  readonly #path: string;
  readonly #agentId: string;
  #touching: NodeJS.Timeout | undefined;

  constructor(stateFolder: string, agentId: string) {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    this.#path = join(stateFolder, 'agent.json');
    this.#agentId = agentId;
  }

  /** @throws AircheckError `data-locked` while another agent lives */
  async take(): Promise<void> {
    const before = this.#text();
    const running = await this.running();
    if (running !== undefined) {
      throw new AircheckError('data-locked', `an agent runs already: process ${running.pid}, port ${running.port}`);
    }
    if (before !== undefined) this.#removeStale(before);
    try {
      writeFileSync(this.#path, JSON.stringify({ pid: process.pid, port: 0 }), { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      throw justStarted(cause);
    }
    this.#touching = setInterval(() => this.#touch(), TOUCH_MS).unref();
  }

  #touch(): void {
    try {
      utimesSync(this.#path, new Date(), new Date());
    } catch {
      // Removed by hand: it comes back when the door is open.
    }
  }

  /**
   * Takes a lock away that nobody holds. Of several that do so at the same time one gets it; another may get the new lock
   * of the first instead, sees that, and puts it back.
   */
  #removeStale(stale: string): void {
    const taken = `${this.#path}.${process.pid}`;
    try {
      renameSync(this.#path, taken);
    } catch {
      // Taken away already.
      return;
    }
    try {
      if (readFileSync(taken, 'utf8') === stale) return;
      linkSync(taken, this.#path);
    } catch (cause) {
      throw justStarted(cause);
    } finally {
      rmSync(taken, { force: true });
    }
    throw justStarted();
  }

  #text(): string | undefined {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch {
      return undefined;
    }
  }

  /** The door is open: others find this agent by its port. */
  opened(port: number): void {
    clearInterval(this.#touching);
    writeFileSync(this.#path, JSON.stringify({ pid: process.pid, port }), { mode: 0o600 });
  }

  release(): void {
    clearInterval(this.#touching);
    rmSync(this.#path, { force: true });
  }

  /** The agent that lives, known by its answer: process ids are used again. */
  async running(): Promise<{ readonly pid: number; readonly port: number } | undefined> {
    let found: z.infer<typeof LockFile>;
    let ageMs: number;
    try {
      found = LockFile.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
      ageMs = Date.now() - statSync(this.#path).mtimeMs;
    } catch {
      // No lock, or one that a crash left half written: nobody holds it.
      return undefined;
    }
    const mayLive = found.pid !== process.pid && isAlive(found.pid);
    const lives = found.port === 0 ? mayLive && ageMs < STARTING_MS : ((await this.#answers(found.port)) ?? mayLive);
    return lives ? found : undefined;
  }

  /** Whether this agent is behind a port; undefined where something is that does not answer, or not yet. */
  async #answers(port: number): Promise<boolean | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/agent`, { signal: AbortSignal.timeout(ANSWER_MS) });
      return DoorAnswer.parse(await response.json()).agentId === this.#agentId;
    } catch (error) {
      return (error as Error).name === 'TimeoutError' ? undefined : false;
    }
  }
}

function justStarted(cause?: unknown): AircheckError {
  return new AircheckError('data-locked', 'another agent is just being started', { cause });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
