import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Recording } from '@aircheck/protocol';
import { type RunningServer, type SentMedia, seededRandom, startServer } from '@aircheck/testkit';
import { checkFiles, filesOf } from './files.ts';
import { connectHosts, delay, startRecordings, whipEndpoint } from './load.ts';
import { spreadOf } from './process-usage.ts';
import { type Benchmark, spread } from './table.ts';

const HOSTS = 4;
const MOST_MS = 6000;
/** In one of so many rounds the recordings are being stopped when the process dies. */
const STOPPING_EVERY = 4;
const RECOVERY_TIMEOUT_MS = 30_000;
const PICTURES_PER_SECOND = 30;
const SOUND_MS = 20;

/** What recordings go through while they are killed, in turn. */
const ROUNDS = [
  { name: 'one file', impairment: {}, recording: {} },
  { name: 'lossy line', impairment: { loss: 0.02, lossRun: 2, reorder: 0.01 }, recording: {} },
  { name: 'segments', impairment: {}, recording: { segmentSeconds: 5 } },
] as const;

type Victim = 'control process' | 'media worker';
type Round = (typeof ROUNDS)[number];

interface Lost {
  readonly pictureMs: number;
  readonly soundMs: number;
  /** Killed before its first fragment was on disk: all that had been sent by then is lost. */
  readonly withoutFile: boolean;
  /** Empty when the file is as it should be. */
  readonly faults: readonly string[];
}

interface Tally {
  kills: number;
  readonly lost: Lost[];
}

async function recovered(server: RunningServer, recordingId: string): Promise<Recording> {
  const deadline = performance.now() + RECOVERY_TIMEOUT_MS;
  for (;;) {
    const recording = await server.api.getRecording(recordingId);
    if (recording.state === 'ready' || recording.state === 'failed') return recording;
    if (performance.now() > deadline) throw new Error(`recording ${recordingId} is still ${recording.state}`);
    await delay(50);
  }
}

/** What a recording lost of what had been sent when the process was killed. */
async function lostOf(server: RunningServer, recordingId: string, sent: SentMedia): Promise<Lost> {
  const recording = await recovered(server, recordingId);
  const folder = join(server.dataFolder, 'recordings', recordingId);
  const paths = existsSync(folder) ? filesOf(server, recordingId) : [];
  if (paths.length === 0 || recording.endReason === 'no-media') {
    const pictureMs = (sent.frames * 1000) / PICTURES_PER_SECOND;
    return { pictureMs, soundMs: sent.audioPackets * SOUND_MS, withoutFile: true, faults: [] };
  }
  // The last file of several may have been killed before its first fragment.
  const inLibrary = paths.filter((path) => recording.fileIds.some((fileId) => path.includes(fileId)));
  const { errors, strayPictures, missingPictures, missingSounds } = await checkFiles(inLibrary, sent);
  const faults = [...errors];
  if (strayPictures > 0) faults.push(`${strayPictures} pictures out of place`);
  if (recording.state !== 'ready') faults.push(`the recording is ${recording.state}: ${recording.detail}`);
  return {
    pictureMs: (missingPictures * 1000) / PICTURES_PER_SECOND,
    soundMs: Math.max(0, missingSounds) * SOUND_MS,
    withoutFile: false,
    faults,
  };
}

/** Kills one process at a random moment and looks at what is left. */
async function killOnce(
  server: RunningServer,
  victim: Victim,
  { impairment, recording }: Round,
  random: () => number,
): Promise<{ server: RunningServer; lost: Lost[] }> {
  const hosts = await connectHosts(HOSTS, (index) => whipEndpoint(server, index), {
    media: { kind: 'clip', seconds: 10 },
    delayMs: 0,
    impairment,
  });
  try {
    const recordings = await startRecordings(server, HOSTS, recording);
    await hosts.begin();
    await delay(random() * MOST_MS);
    if (random() < 1 / STOPPING_EVERY) {
      // Their answers are lost with the process, or they are not.
      for (const recordingId of recordings) server.api.stopRecording(recordingId).catch(() => {});
      await delay(random() * 30);
    }
    const workers = server.workerPids();
    const pid = victim === 'control process' ? server.pid : workers[Math.floor(random() * workers.length)];
    process.kill(pid ?? server.pid, 'SIGKILL');
    const sent = await Promise.all(
      hosts.publishers.map(async (publisher) => {
        await publisher.pause();
        return publisher.sent();
      }),
    );
    const { dataFolder } = server;
    const after = victim === 'control process' ? await startServer({ dataFolder }) : server;
    const lost: Lost[] = [];
    for (const [index, recordingId] of recordings.entries()) {
      lost.push(await lostOf(after, recordingId, sent[index]!));
    }
    return { server: after, lost };
  } finally {
    await hosts.close();
  }
}

/** Kills processes at random moments and counts what each recording lost. */
export const killBenchmark: Benchmark = {
  name: 'kill',
  about: 'random kill -9 of control process or media worker, recovery, files decoded (kill=100)',
  async run(progress, arg = '100') {
    const kills = Number(arg);
    const random = seededRandom(1);
    const tallies: Record<Victim, Tally> = {
      'control process': { kills: 0, lost: [] },
      'media worker': { kills: 0, lost: [] },
    };
    let server = await startServer({ dataFolder: mkdtempSync(join(tmpdir(), 'aircheck-kill-')) });
    try {
      for (let kill = 0; kill < kills; kill += 1) {
        const victim: Victim = random() < 0.5 ? 'control process' : 'media worker';
        const round = ROUNDS[kill % ROUNDS.length]!;
        const killed = await killOnce(server, victim, round, random);
        server = killed.server;
        tallies[victim].kills += 1;
        tallies[victim].lost.push(...killed.lost);
        const worst = Math.max(...killed.lost.flatMap(({ pictureMs, soundMs }) => [pictureMs, soundMs]));
        const faults = killed.lost.flatMap((lost) => lost.faults);
        progress(
          `kill ${kill + 1} of ${kills}: ${victim}, ${round.name}, at most ${worst.toFixed(0)} ms lost ${faults.join('; ')}`,
        );
      }
    } finally {
      await server.stop();
      rmSync(server.dataFolder, { recursive: true, force: true });
    }
    return {
      title: 'kill -9',
      columns: [
        'killed',
        'kills',
        'recordings',
        'killed before there was a file',
        'of the others, open and decode to their end',
        'picture lost, ms: median (min..max)',
        'sound lost, ms: median (min..max)',
      ],
      rows: Object.entries(tallies).map(([victim, { kills: times, lost }]) => [
        victim,
        String(times),
        String(lost.length),
        String(lost.filter(({ withoutFile }) => withoutFile).length),
        String(lost.filter(({ withoutFile, faults }) => !withoutFile && faults.length === 0).length),
        spread(spreadOf(lost.map(({ pictureMs }) => pictureMs))),
        spread(spreadOf(lost.map(({ soundMs }) => soundMs))),
      ]),
      notes: [
        `${HOSTS} recordings run at each kill, which comes within ${MOST_MS / 1000} s of their start, at times while they are being stopped. The same data folder goes through all kills.`,
        'In turn: one file each; over a line that loses 2 % of the packets in runs of 2 and lets 1 % overtake, NACKs answered; segments of 5 s.',
        'Lost: sent before the kill and not in the file. It includes what was sent in the few milliseconds between the kill and the publishers hearing of it.',
      ],
    };
  },
};
