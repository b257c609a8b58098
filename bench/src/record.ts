import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { probeRecording, startServer } from '@aircheck/testkit';
import { WORKER_FLAGS } from '../../packages/server/src/worker/worker-process.ts';
import { checkFile, filesOf } from './files.ts';
import { connectHosts, pauseHosts, startRecordings, whipEndpoint } from './load.ts';
import { type Measured, measureLoad, measureSideBySide, WINDOW_MS, WINDOWS } from './measure-load.ts';
import { ratioOf } from './process-usage.ts';
import { type Benchmark, number, spread } from './table.ts';

interface Recorded extends Measured {
  readonly valid: number;
  readonly sentPictures: number;
  readonly missingPictures: number;
  readonly sentSounds: number;
  readonly missingSounds: number;
  readonly playableMs: number;
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

interface SideBySide {
  readonly dump: Measured;
  readonly recording: Measured;
  readonly missingPackets: number;
  readonly sentPackets: number;
}

/** The transport's dump and the server's recordings of as many publishers each, at the same time. */
async function besideDump(streams: number): Promise<SideBySide> {
  const folder = mkdtempSync(join(tmpdir(), 'aircheck-dump-'));
  const dump = fork(fileURLToPath(new URL('./raw-dump-process.ts', import.meta.url)), [folder], {
    execArgv: [...WORKER_FLAGS],
  });
  const { port } = await message<{ port: number }>(dump);
  const url = `http://127.0.0.1:${port}/whip`;
  const server = await startServer();
  const toDump = await connectHosts(streams, async () => ({ url, token: 'none' }));
  const toServer = await connectHosts(streams, (index) => whipEndpoint(server, index));
  try {
    await startRecordings(server, streams);
    const [ofDump, ofServer] = await measureSideBySide([
      { hosts: toDump, pids: [dump.pid ?? 0] },
      { hosts: toServer, pids: [server.pid, ...server.workerPids()] },
    ]);
    const sent = await pauseHosts(toDump);
    const ended = message<{ packets: number[] }>(dump);
    dump.send('end');
    const { packets } = await ended;
    const sentPackets = sum(sent.map((media) => media.packets));
    return { dump: ofDump!, recording: ofServer!, sentPackets, missingPackets: sentPackets - sum(packets) };
  } finally {
    await Promise.all([toDump.close(), toServer.close()]);
    dump.kill();
    await server.stop();
    for (const path of [folder, server.dataFolder]) rmSync(path, { recursive: true, force: true });
  }
}

/** CPU, memory and completeness of recording, and its CPU beside a dump of the same packets by the same transport. */
export const recordBenchmark: Benchmark = {
  name: 'record',
  about: 'CPU, memory and completeness of N recorded WHIP publishers (record=1,10,30)',
  async run(progress, arg = '1,10,30') {
    const rows: string[][] = [];
    for (const streams of arg.split(',').map(Number)) {
      progress(`record: ${streams} publishers, recorded`);
      const alone = await record(streams);
      progress(`record: ${streams} publishers, recorded, and as many beside that the transport dumps`);
      const { dump, recording, missingPackets, sentPackets } = await besideDump(streams);
      const usage = (what: string, { cpu, rssMiB, pssMiB }: Measured, ratio: string): string[] => [
        what,
        String(streams),
        spread(cpu.perStreamSecond),
        ratio,
        `${(cpu.kernelShare * 100).toFixed(0)} %`,
        rssMiB.toFixed(0),
        pssMiB.toFixed(0),
      ];
      rows.push(
        [
          ...usage('recording, alone', alone, '-'),
          `${alone.valid}/${streams}`,
          `${alone.missingPictures} of ${alone.sentPictures}`,
          `${alone.missingSounds} of ${alone.sentSounds}`,
          number(alone.playableMs),
        ],
        [...usage('raw dump, beside it', dump, '1'), '-', `${missingPackets} of ${sentPackets} packets`, '-', '-'],
        [...usage('recording, beside it', recording, spread(ratioOf(recording.cpu, dump.cpu))), '-', '-', '-', '-'],
      );
    }
    return {
      title: 'Recording',
      columns: [
        'what',
        'N',
        'CPU ms per stream-second: median (min..max)',
        'of the dump, window by window',
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
        'Raw dump: the same packets through the same ICE, DTLS and SRTP in one process, started as a media worker is, that writes them to files, without RTCP, reordering or MP4. It and a server that records as many publishers run at the same time: what else the machine does concerns both.',
        'RSS counts pages that processes share once for each; PSS counts them once.',
        'Playable after: from the stop request of all recordings to the first file that ffprobe has read in full.',
      ],
    };
  },
};
