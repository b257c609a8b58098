import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CounterRuns,
  missingCounters,
  type RecordingContent,
  type RunningServer,
  startServer,
} from '@aircheck/testkit';
import { checkFile } from './files.ts';
import { connectHosts, delay, hostName, pauseHosts, startRecordings, whipEndpoint } from './load.ts';
import { type CpuWindows, measureWindows, memoryOf } from './process-usage.ts';
import { type Benchmark, spread } from './table.ts';

const WINDOWS = 3;
const WINDOW_MS = 9000;
/** From the first packet to the first window: connections, just-in-time compilation and first key frames are over. */
const WARM_UP_MS = 30_000;

interface Measured {
  readonly cpu: CpuWindows;
  readonly rssMiB: number;
}

/** The server records by itself, and nobody receives. */
async function byServer(streams: number): Promise<Measured> {
  const server = await startServer();
  const hosts = await connectHosts(streams, (index) => whipEndpoint(server, index));
  try {
    await startRecordings(server, streams);
    const pids = [server.pid, ...server.workerPids()];
    await hosts.begin();
    await delay(WARM_UP_MS);
    const cpu = await measureWindows(pids, streams, WINDOWS, WINDOW_MS);
    return { cpu, rssMiB: memoryOf(pids).rssMiB };
  } finally {
    await hosts.close();
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
  }
}

async function viewerToken(server: RunningServer): Promise<{ token: string; roomId: string }> {
  const { url, token } = await whipEndpoint(server, 0);
  const roomId = url.slice(url.lastIndexOf('/') + 1);
  const response = await fetch(`${server.url}/v1/tokens/viewer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ roomId }),
  });
  return { token: ((await response.json()) as { token: string }).token, roomId };
}

/** What was sent from the first picture of a file on: those before came before the agent was offered the track. */
function from(runs: CounterRuns, { pictures }: RecordingContent): CounterRuns {
  const first = pictures[0]?.counter ?? 0;
  const run = runs.findIndex((one) => one.first <= first && first <= one.last);
  return run < 0 ? runs : [{ first, last: runs[run]!.last }, ...runs.slice(run + 1)];
}

async function message<T>(child: ChildProcess): Promise<T> {
  const [received] = (await once(child, 'message')) as [T];
  return received;
}

/** The agent receives everything from the server, and records it. */
async function byAgent(streams: number): Promise<Measured & { readonly valid: number; readonly missing: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'aircheck-agent-'));
  const server = await startServer();
  const hosts = await connectHosts(streams, (index) => whipEndpoint(server, index));
  const { token, roomId } = await viewerToken(server);
  const names = Array.from({ length: streams }, (_, index) => hostName(index));
  const agent = fork(
    fileURLToPath(new URL('./agent-process.ts', import.meta.url)),
    [server.url, token, roomId, folder, ...names],
    { execArgv: [...process.execArgv] },
  );
  try {
    await message(agent);
    const pids = [agent.pid ?? 0];
    await hosts.begin();
    await delay(WARM_UP_MS);
    const cpu = await measureWindows(pids, streams, WINDOWS, WINDOW_MS);
    const { rssMiB } = memoryOf(pids);
    const sent = await pauseHosts(hosts);
    const ended = message<{ files: string[] }>(agent);
    agent.send('end');
    const { files } = await ended;
    let valid = 0;
    let missing = 0;
    for (const [index, file] of files.entries()) {
      const check = await checkFile(file, sent[index]!);
      if (check.valid) valid += 1;
      missing += missingCounters(check.content, ...from(sent[index]!.counters, check.content)).length;
    }
    return { cpu, rssMiB, valid, missing };
  } finally {
    agent.kill();
    await hosts.close();
    await server.stop();
    for (const path of [server.dataFolder, folder]) rmSync(path, { recursive: true, force: true });
  }
}

/** CPU of the PC agent against the server's recorder, for the same streams. */
export const agentBenchmark: Benchmark = {
  name: 'agent',
  about: "CPU of the PC agent for N recorded accounts, beside the server's recorder (agent=1,10)",
  async run(progress, arg = '1,10') {
    const rows: string[][] = [];
    for (const streams of arg.split(',').map(Number)) {
      progress(`agent: ${streams} hosts, recorded by the server`);
      const server = await byServer(streams);
      progress(`agent: ${streams} hosts, recorded by the agent`);
      const agent = await byAgent(streams);
      const row = (what: string, { cpu, rssMiB }: Measured): string[] => [
        what,
        String(streams),
        spread(cpu.perStreamSecond),
        (cpu.perStreamSecond.median / server.cpu.perStreamSecond.median).toFixed(2),
        `${(cpu.kernelShare * 100).toFixed(0)} %`,
        rssMiB.toFixed(0),
      ];
      rows.push(
        [...row('server, recording', server), '-', '-'],
        [...row('agent, recording', agent), `${agent.valid}/${streams}`, String(agent.missing)],
      );
    }
    return {
      title: 'PC agent',
      columns: [
        'what',
        'N',
        'CPU ms per stream-second: median (min..max)',
        'of the server',
        'kernel',
        'RSS MiB',
        'valid files',
        'pictures missing',
      ],
      rows,
      notes: [
        'Publishers as in the table of recording. The agent receives all hosts of one room over one connection and writes one MP4 file each.',
        `CPU: all threads of the server's processes, or of the agent's, from the scheduler's accounting, ${WINDOWS} windows of ${WINDOW_MS / 1000} s.`,
        'Pictures missing: from the first one in the file on.',
      ],
    };
  },
};
