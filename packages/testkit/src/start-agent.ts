import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const START_TIMEOUT_MS = 30_000;
const SOURCE = fileURLToPath(new URL('../../agent/src/main.ts', import.meta.url));

export interface StartAgentOptions {
  /** Its settings and notes; a new folder in the temporary folder when absent. */
  readonly home?: string;
  /** Where it may make files; a folder in its home when absent. */
  readonly folder?: string;
  /** The program's module: {@link installAgent}; that of this repository's source when absent. */
  readonly program?: string;
}

/** A PC agent that runs in a process of its own. */
export interface RunningAgent {
  readonly port: number;
  readonly pid: number;
  readonly home: string;
  /** The folder that pages may make files in. */
  readonly folder: string;
  /** A fresh one-time code, as the command `pair` shows it. */
  pairingCode(): Promise<string>;
  /** What it has said so far; grows. */
  readonly lines: readonly string[];
  /** SIGTERM; resolves with the exit code when all files are finished. */
  stop(): Promise<number | null>;
  /** SIGKILL; may be called twice. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Installs the agent as a participant's computer does: npm alone, and nothing but what the server gives out. It must have
 * been built (`buildAgent`).
 *
 * @param folder - must exist; gets a `node_modules`
 * @returns the program's module
 * @throws Error with what npm complained about
 */
export async function installAgent(server: { readonly url: string }, folder: string): Promise<string> {
  const options = ['--prefix', folder, '--cache', join(folder, '.npm'), '--no-audit', '--no-fund'];
  // Whatever else it would need it does not find.
  const registry = ['--registry', 'http://127.0.0.1:1/', '--fetch-retries', '0'];
  const address = `${server.url}/sdk/aircheck-agent.tgz`;
  await promisify(execFile)('npm', ['install', ...options, ...registry, address]);
  return join(folder, 'node_modules/aircheck-agent/aircheck-agent.cjs');
}

/**
 * Starts `aircheck-agent` on a free port and waits until its door is open.
 * @throws Error with its last words when it ends before
 */
export async function startAgent(options: StartAgentOptions = {}): Promise<RunningAgent> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'aircheck-agent-'));
  const folder = options.folder ?? join(home, 'files');
  mkdirSync(folder, { recursive: true });
  const program = options.program ?? SOURCE;
  const env = { ...process.env, AIRCHECK_AGENT_HOME: home, AIRCHECK_AGENT_PORTS: '0', LC_ALL: 'en_US.UTF-8' };
  await runCommand(program, ['folder', folder], env);

  const child = spawn(process.execPath, [program, 'run'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  child.once('exit', () => running.delete(child));
  const lines: string[] = [];
  const listening = Promise.withResolvers<number>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      const port = /listening.*port=(\d+)/.exec(line)?.[1];
      if (port !== undefined) listening.resolve(Number(port));
    });
  }
  const failed = (why: string) => listening.reject(new Error(`the agent ${why}:\n${lines.join('\n')}`));
  const timer = setTimeout(() => failed('did not start in time'), START_TIMEOUT_MS);
  void exited.then(() => failed('ended'));
  const port = await listening.promise.finally(() => clearTimeout(timer));
  return {
    port,
    pid: child.pid!,
    home,
    folder,
    lines,
    pairingCode: async () => /\d{4}-\d{4}/.exec(await runCommand(program, ['pair'], env))![0],
    async stop() {
      child.kill('SIGTERM');
      return (await exited)[0];
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** @throws Error with what the command complained about */
async function runCommand(program: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [program, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += String(data)));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`aircheck-agent ${words.join(' ')}: ${said}`);
  return said;
}
