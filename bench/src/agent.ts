import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildAgent,
  type CounterRuns,
  installAgent,
  missingCounters,
  type RecordingContent,
  type RunningAgent,
  type RunningServer,
  readRecording,
  type SentMedia,
  startAgent,
  startServer,
} from '@aircheck/testkit';
import type { Room } from '@aircheck/web';
import { AgentClient } from '@aircheck/web/agent';
import { WebSocket as NodeWebSocket } from 'ws';
import { checkFile } from './files.ts';
import { connectHosts, hostName, pauseHosts, startRecordings, whipEndpoint } from './load.ts';
import { type Measured, measureLoad, WINDOW_MS, WINDOWS } from './measure-load.ts';
import { type Benchmark, spread } from './table.ts';

const SITE = 'https://meet.example.org';

/** Files of the agent, held against what was sent. */
interface Checked {
  readonly valid: number;
  readonly files: number;
  /** Pictures; undefined for the mix. */
  readonly missing: number | undefined;
}

/** The server records by itself, and nobody receives. */
async function byServer(streams: number): Promise<Measured> {
  const server = await startServer();
  const hosts = await connectHosts(streams, (index) => whipEndpoint(server, index));
  try {
    await startRecordings(server, streams);
    return await measureLoad(hosts, [server.pid, ...server.workerPids()]);
  } finally {
    await hosts.close();
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
  }
}

/** The room as the page of a host has it. */
async function roomOf(server: RunningServer): Promise<Room> {
  const { url, token } = await whipEndpoint(server, 0);
  const roomId = url.slice(url.lastIndexOf('/') + 1);
  const createViewerToken = async () => {
    const response = await fetch(`${server.url}/v1/tokens/viewer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ roomId }),
    });
    return (await response.json()) as { token: string };
  };
  const room = {
    roomId,
    self: { userId: hostName(0) },
    api: { baseUrl: server.url },
    createViewerToken,
    on: () => () => {},
  };
  return room as unknown as Room;
}

/** A page that was let in. Node's own WebSocket does not say whose page it is. */
async function openPage(agent: RunningAgent): Promise<AgentClient> {
  class SocketOfPage extends NodeWebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { origin: SITE });
    }
  }
  const secrets = new Map<string, string>();
  const page = await AgentClient.connect({
    ports: [agent.port],
    origin: SITE,
    storage: {
      getItem: (key) => secrets.get(key) ?? null,
      setItem: (key, value) => void secrets.set(key, value),
    },
    WebSocket: SocketOfPage as unknown as typeof WebSocket,
  });
  await page.pair(await agent.pairingCode());
  return page;
}

/** What was sent from the first picture of a file on: those before came before the agent was offered the track. */
function from(runs: CounterRuns, { pictures }: RecordingContent): CounterRuns {
  const first = pictures[0]?.counter ?? 0;
  const run = runs.findIndex((one) => one.first <= first && first <= one.last);
  return run < 0 ? runs : [{ first, last: runs[run]!.last }, ...runs.slice(run + 1)];
}

/** One recording of each account, or one of everybody's sound. */
interface Task {
  start(page: AgentClient, room: Room, streams: number): Promise<readonly string[]>;
  stop(page: AgentClient, room: Room, streams: number): Promise<unknown>;
  check(files: readonly string[], sent: readonly SentMedia[]): Promise<Checked>;
}

const names = (streams: number) => Array.from({ length: streams }, (_, index) => hostName(index));

const eachAccount: Task = {
  start: (page, room, streams) =>
    Promise.all(
      names(streams).map(async (account) => (await page.startRecordMp4({ room, account, path: account })).mp4_file),
    ),
  stop: (page, room, streams) => Promise.all(names(streams).map((account) => page.stopRecordMp4({ room, account }))),
  async check(files, sent) {
    let [valid, missing] = [0, 0];
    for (const [index, file] of files.entries()) {
      const check = await checkFile(file, sent[index]!);
      if (check.valid) valid += 1;
      missing += missingCounters(check.content, ...from(sent[index]!.counters, check.content)).length;
    }
    return { valid, files: files.length, missing };
  },
};

const everybody: Task = {
  start: async (page, room) => [(await page.startRecordAac({ room, path: 'everybody' })).file],
  stop: (page, room) => page.stopRecordAac({ room }),
  async check(files) {
    const contents = await Promise.all(files.map((file) => readRecording(file)));
    const isValid = ({ errors, streams, beepsMs }: RecordingContent) =>
      errors.length === 0 && streams[0]?.codec === 'aac' && beepsMs.length > 0;
    return { valid: contents.filter(isValid).length, files: files.length, missing: undefined };
  },
};

/** The agent as a participant has it: installed from the server, paired with a page, told by the page what to record. */
async function byAgent(streams: number, task: Task): Promise<Measured & Checked> {
  const installed = mkdtempSync(join(tmpdir(), 'aircheck-installed-'));
  const server = await startServer();
  const agent = await startAgent({ program: await installAgent(server, installed) });
  const hosts = await connectHosts(streams, (index) => whipEndpoint(server, index));
  const page = await openPage(agent);
  try {
    const room = await roomOf(server);
    const files = await task.start(page, room, streams);
    const measured = await measureLoad(hosts, [agent.pid]);
    const sent = await pauseHosts(hosts);
    await task.stop(page, room, streams);
    return { ...measured, ...(await task.check(files, sent)) };
  } finally {
    page.close();
    await agent.stop();
    await hosts.close();
    await server.stop();
    for (const path of [server.dataFolder, agent.home, installed]) rmSync(path, { recursive: true, force: true });
  }
}

/** CPU of the PC agent against the server's recorder, for the same streams. */
export const agentBenchmark: Benchmark = {
  name: 'agent',
  about: "CPU of the PC agent for N recorded accounts, and for their mix, beside the server's recorder (agent=1,10)",
  async run(progress, arg = '1,10') {
    buildAgent();
    const rows: string[][] = [];
    for (const streams of arg.split(',').map(Number)) {
      progress(`agent: ${streams} hosts, recorded by the server`);
      const server = await byServer(streams);
      progress(`agent: ${streams} hosts, recorded by the agent`);
      const accounts = await byAgent(streams, eachAccount);
      progress(`agent: ${streams} hosts, their sound mixed by the agent`);
      const mix = await byAgent(streams, everybody);
      const row = (what: string, { cpu, rssMiB }: Measured, checked?: Checked): string[] => [
        what,
        String(streams),
        spread(cpu.perStreamSecond),
        (cpu.perStreamSecond.median / server.cpu.perStreamSecond.median).toFixed(2),
        `${(cpu.kernelShare * 100).toFixed(0)} %`,
        rssMiB.toFixed(0),
        checked === undefined ? '-' : `${checked.valid}/${checked.files}`,
        String(checked?.missing ?? '-'),
      ];
      rows.push(
        row('server, recording', server),
        row('agent, recording', accounts, accounts),
        row('agent, mixing to AAC', mix, mix),
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
        'Publishers as in the table of recording. The agent is the installed program, without a terminal; a page tells it by its door what to record, and is told of progress. It receives all hosts of one room over one connection and writes one MP4 file each, or the sound of all, decoded, mixed and encoded, into one.',
        `CPU: all threads of the server's processes, or of the agent's, from the scheduler's accounting, ${WINDOWS} windows of ${WINDOW_MS / 1000} s.`,
        'Pictures missing: from the first one in the file on.',
      ],
    };
  },
};
