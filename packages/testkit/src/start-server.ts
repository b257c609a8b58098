import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Role } from '@aircheck/protocol';
import { ApiClient } from './api-client.ts';

const START_TIMEOUT_MS = 30_000;
const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));

/** One line that the server logged. */
export interface LogLine {
  readonly msg: string;
  readonly level?: number;
  readonly [field: string]: unknown;
}

export interface StartServerOptions {
  /** Added to, and stronger than, what the testkit sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** A new folder in the temporary folder when absent; nothing deletes it. */
  readonly dataFolder?: string;
  /** URL of a PostgreSQL database to keep the state in; absent: SQLite in the data folder. */
  readonly database?: string | undefined;
}

/** Ids of all processes below a process; empty when it has ended. */
export function descendantPids(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return children.flatMap((child) => [child, ...descendantPids(child)]);
  } catch {
    return [];
  }
}

/** Job workers come and go beside them. */
function isMediaWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('media-worker');
  } catch {
    return false;
  }
}

/** Servers that live: in process groups of their own, they would outlive whoever started them and failed. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** A server process as such; {@link startServer} adds what tests need. */
export interface ServerProcess {
  /** Where it listens, e.g. `http://127.0.0.1:40123`. */
  readonly url: string;
  /** Of the control process. */
  readonly pid: number;
  /** What it has logged so far, on standard output and error; grows. */
  readonly logs: readonly LogLine[];
  /** Resolves with the first log line, past or future, that is accepted. */
  logged(accept: (line: LogLine) => boolean): Promise<LogLine>;
  /** SIGTERM; resolves with the exit code when the process has ended. */
  stop(): Promise<number | null>;
  /** SIGKILL to the control process alone. */
  kill(): Promise<void>;
  /** Resolves with the exit code or signal when it has ended, for whatever reason. */
  readonly ended: Promise<number | string>;
}

/**
 * Starts `aircheck serve` in an environment and waits until it listens. It is in a process group of its own, so that
 * Ctrl-C in a terminal reaches it once, through whoever started it.
 * @throws Error with the server's last words when it ends before
 */
export async function spawnServer(env: Readonly<Record<string, string | undefined>>): Promise<ServerProcess> {
  const child = spawn(process.execPath, [MAIN, 'serve'], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const log = new ServerLog(child);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  // Its last words may come after its exit.
  const closed = once(child, 'close');
  const listening = await withTimeout(
    Promise.race([
      log.wait((line) => line.msg === 'listening' && typeof line.url === 'string'),
      closed.then(([code, signal]) => {
        throw new Error(`the server ended (${signal ?? code}) before it listened:\n${log.tail()}`);
      }),
    ]),
    () => new Error(`the server did not listen after ${START_TIMEOUT_MS} ms:\n${log.tail()}`),
  ).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  return {
    url: String(listening.url),
    pid: child.pid ?? 0,
    logs: log.lines,
    logged: (accept) => log.wait(accept),
    ended: exited.then(([code, signal]) => signal ?? code ?? 0),
    stop: async () => {
      child.kill('SIGTERM');
      return (await exited)[0];
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A server with all that a test wants of it. */
export interface RunningServer extends ServerProcess {
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly dataFolder: string;
  readonly api: ApiClient;
  /** Process ids of its media workers, as the kernel knows them. */
  workerPids(): number[];
  token(userId: string, roomId: string, role?: Role): Promise<string>;
}

/**
 * Starts `aircheck serve` on free ports, with a data folder and a key of its own, and waits until it listens.
 * @throws Error with the server's last words when it ends before
 */
export async function startServer(options: StartServerOptions = {}): Promise<RunningServer> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'aircheck-data-'));
  const env = {
    ...cleanEnvironment(),
    AIRCHECK_PORT: '0',
    AIRCHECK_DATA: dataFolder,
    AIRCHECK_UDP_PORTS: '0',
    AIRCHECK_API_KEY: 'ak_test',
    AIRCHECK_API_SECRET: randomBytes(24).toString('base64url'),
    ...(options.database !== undefined && { DATABASE_URL: options.database }),
    ...options.env,
  };
  const server = await spawnServer(env);
  const { AIRCHECK_API_KEY: apiKey, AIRCHECK_API_SECRET: apiSecret } = env;
  const api = new ApiClient(server.url, apiKey, apiSecret);
  return {
    ...server,
    apiKey,
    apiSecret,
    dataFolder,
    api,
    workerPids: () => descendantPids(server.pid).filter(isMediaWorker),
    token: (userId, roomId, role = 'host') => api.token(userId, roomId, role),
  };
}

/** The environment without what configures a server: tests must not depend on the shell they are started from. */
function cleanEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !entry[0].startsWith('AIRCHECK_') && entry[0] !== 'DATABASE_URL',
  );
  return Object.fromEntries(entries);
}

async function withTimeout<T>(promise: Promise<T>, error: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error()), START_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Collects what a process prints; lines that are not JSON get a `msg` of their own. */
class ServerLog {
  readonly lines: LogLine[] = [];
  readonly #waiting = new Set<{ accept: (line: LogLine) => boolean; resolve: (line: LogLine) => void }>();

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (text) => this.#add(text));
    }
  }

  #add(text: string): void {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      line = { msg: text };
    }
    this.lines.push(line);
    for (const waiting of this.#waiting) {
      if (!waiting.accept(line)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(line);
    }
  }

  wait(accept: (line: LogLine) => boolean): Promise<LogLine> {
    const found = this.lines.find(accept);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.add({ accept, resolve }));
  }

  tail(): string {
    return this.lines
      .slice(-20)
      .map((line) => (line.level === undefined ? line.msg : JSON.stringify(line)))
      .join('\n');
  }
}
