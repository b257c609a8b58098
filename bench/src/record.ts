import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { probeRecording, startServer } from '@aircheck/testkit';
import { checkFile, filesOf } from './files.ts';
import { connectHosts, pauseHosts, startRecordings, whipEndpoint } from './load.ts';
import { type Measured, measureLoad, WINDOW_MS, WINDOWS } from './measure-load.ts';
import { type Benchmark, number, spread } from './table.ts';

interface Recorded extends Measured {
  readonly valid: number;
  readonly sentPictures: number;
  readonly missingPictures: number;
  readonly sentSounds: number;
  readonly missingSounds: number;
  readonly playableMs: number;
}

/** The same publishers in the same server while nobody records them. */
async function connect(streams: number): Promise<Measured> {
  const server = await startServer();
  const hosts = await connectHosts(streams, (index) => whipEndpoint(server, index));
  try {
    return await measureLoad(hosts, [server.pid, ...server.workerPids()]);
  } finally {
    await hosts.close();
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
  }
}

async function record(streams: number): Promise<Recorded> {
  const server = await startServer();
  const hosts = await connectHosts(streams, (index) => whipEndpoint(server, index));
  try {
    const recordings = await startRecordings(server, streams);
    const measured = await measureLoad(hosts, [server.pid, ...server.workerPids()]);
    const sent = await pauseHosts(hosts);
    const stopping = performance.now();
    const stopped = recordings.map((recordingId) => server.api.stopRecording(recordingId));
    const first = await Promise.race(stopped);
    await probeRecording(filesOf(server, first.recordingId)[0] ?? '');
    const playableMs = performance.now() - stopping;
    await Promise.all(stopped);
    const checks = [];
    for (const [index, recordingId] of recordings.entries()) {
      const files = filesOf(server, recordingId);
      const ofHost = sent[index];
      if (files[0] !== undefined && ofHost !== undefined) checks.push(await checkFile(files[0], ofHost));
    }
    return {
      ...measured,
      playableMs,
      valid: checks.filter(({ valid }) => valid).length,
      sentPictures: sum(sent.map(({ frames }) => frames)),
      missingPictures: sum(checks.map(({ missingPictures }) => missingPictures)),
      sentSounds: sum(sent.map(({ audioPackets }) => audioPackets)),
      missingSounds: sum(checks.map(({ missingSounds }) => missingSounds)),
    };
  } finally {
    await hosts.close();
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function message<T>(child: ChildProcess): Promise<T> {
  const [received] = (await once(child, 'message')) as [T];
  return received;
}

async function rawDump(streams: number): Promise<Measured & { missing: number; sent: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'aircheck-dump-'));
  const dump = fork(fileURLToPath(new URL('./raw-dump-process.ts', import.meta.url)), [folder], {
    // As a media worker is started.
    execArgv: ['--single-threaded-gc'],
  });
  const { port } = await message<{ port: number }>(dump);
  const url = `http://127.0.0.1:${port}/whip`;
  const hosts = await connectHosts(streams, async () => ({ url, token: 'none' }));
  try {
    const measured = await measureLoad(hosts, [dump.pid ?? 0]);
    const sent = await pauseHosts(hosts);
    const ended = message<{ packets: number[] }>(dump);
    dump.send('end');
    const { packets } = await ended;
    const all = sum(sent.map((media) => media.packets));
    return { ...measured, sent: all, missing: all - sum(packets) };
  } finally {
    await hosts.close();
    dump.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** CPU, memory and completeness of recording, beside a dump of the same packets by the same transport. */
export const recordBenchmark: Benchmark = {
  name: 'record',
  about: 'CPU, memory and completeness of N recorded WHIP publishers (record=1,10,30)',
  async run(progress, arg = '1,10,30') {
    const rows: string[][] = [];
    for (const streams of arg.split(',').map(Number)) {
      progress(`record: ${streams} publishers, the transport's dump`);
      const dump = await rawDump(streams);
      progress(`record: ${streams} publishers, not recorded`);
      const connected = await connect(streams);
      progress(`record: ${streams} publishers, recorded`);
      const recorded = await record(streams);
      const ratio = ({ cpu }: Measured): string =>
        (cpu.perStreamSecond.median / dump.cpu.perStreamSecond.median).toFixed(2);
      rows.push(
        [
          'raw dump',
          String(streams),
          spread(dump.cpu.perStreamSecond),
          '1',
          `${(dump.cpu.kernelShare * 100).toFixed(0)} %`,
          dump.rssMiB.toFixed(0),
          dump.pssMiB.toFixed(0),
          '-',
          `${dump.missing} of ${dump.sent} packets`,
          '-',
          '-',
        ],
        [
          'aircheck, not recording',
          String(streams),
          spread(connected.cpu.perStreamSecond),
          ratio(connected),
          `${(connected.cpu.kernelShare * 100).toFixed(0)} %`,
          connected.rssMiB.toFixed(0),
          connected.pssMiB.toFixed(0),
          '-',
          '-',
          '-',
          '-',
        ],
        [
          'aircheck, recording',
          String(streams),
          spread(recorded.cpu.perStreamSecond),
          ratio(recorded),
          `${(recorded.cpu.kernelShare * 100).toFixed(0)} %`,
          recorded.rssMiB.toFixed(0),
          recorded.pssMiB.toFixed(0),
          `${recorded.valid}/${streams}`,
          `${recorded.missingPictures} of ${recorded.sentPictures}`,
          `${recorded.missingSounds} of ${recorded.sentSounds}`,
          number(recorded.playableMs),
        ],
      );
    }
    return {
      title: 'Recording',
      columns: [
        'what',
        'N',
        'CPU ms per stream-second: median (min..max)',
        'of the dump',
        'kernel',
        'RSS MiB',
        'PSS MiB',
        'valid files',
        'pictures missing',
        'sound packets missing',
        'playable after, ms',
      ],
      rows,
      notes: [
        'Publishers: WHIP, 1280×720, 30 pictures/s, H.264 1.5 Mbit/s + Opus 64 kbit/s, all from one process of their own, which is not counted.',
        `CPU: all processes and threads of the server, from the scheduler's accounting, ${WINDOWS} windows of ${WINDOW_MS / 1000} s.`,
        'Raw dump: the same packets through the same ICE, DTLS and SRTP in one process that writes them to a file, without RTCP, reordering or MP4.',
        'RSS counts pages that processes share once for each; PSS counts them once.',
        'Playable after: from the stop request of all recordings to the first file that ffprobe has read in full.',
      ],
    };
  },
};
