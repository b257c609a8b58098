import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { z } from 'zod';

const LockFile = z.object({ pid: z.int(), port: z.int() });
const DoorAnswer = z.object({ name: z.literal('aircheck-agent'), agentId: z.string() });

/** Between taking the lock and opening the door. */
const STARTING_MS = 30_000;
const ANSWER_MS = 2_000;

/** Sees to it that one agent at a time uses a state folder: two would finish each other's files. */
export class AgentLock {
  readonly #path: string;
  readonly #agentId: string;

  constructor(stateFolder: string, agentId: string) {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    this.#path = join(stateFolder, 'agent.json');
    this.#agentId = agentId;
  }

  /** @throws AircheckError `data-locked` while another agent lives */
  async take(): Promise<void> {
    const running = await this.running();
    if (running !== undefined) {
      throw new AircheckError('data-locked', `an agent runs already: process ${running.pid}, port ${running.port}`);
    }
    rmSync(this.#path, { force: true });
    try {
      writeFileSync(this.#path, JSON.stringify({ pid: process.pid, port: 0 }), { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      throw new AircheckError('data-locked', 'another agent is just being started', { cause });
    }
  }

  /** The door is open: others find this agent by its port. */
  opened(port: number): void {
    writeFileSync(this.#path, JSON.stringify({ pid: process.pid, port }), { mode: 0o600 });
  }

  release(): void {
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
    if (found.port === 0)
      return found.pid !== process.pid && ageMs < STARTING_MS && isAlive(found.pid) ? found : undefined;
    return (await this.#answers(found.port)) ? found : undefined;
  }

  async #answers(port: number): Promise<boolean> {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/agent`, { signal: AbortSignal.timeout(ANSWER_MS) });
      return DoorAnswer.parse(await response.json()).agentId === this.#agentId;
    } catch {
      return false;
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
