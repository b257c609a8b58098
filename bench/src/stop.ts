import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeClip, probeRecording, readClip, startServer } from '@aircheck/testkit';
import { filesOf } from './files.ts';
import { connectHosts, delay, LOAD_MEDIA, startRecordings, whipEndpoint } from './load.ts';
import { spreadOf } from './process-usage.ts';
import { recordSimulated } from './simulated-recording.ts';
import { type Benchmark, number, spread } from './table.ts';

const ROUNDS = 10;
const SECONDS = 10;
const LONG_MINUTES = 90;

/** Ten recordings of ten seconds through the whole server, stopped one after another. */
async function stopShort(): Promise<{ answered: number[]; probed: number[] }> {
  const server = await startServer();
  const hosts = await connectHosts(ROUNDS, (index) => whipEndpoint(server, index));
  const answered: number[] = [];
  const probed: number[] = [];
  try {
    const recordings = await startRecordings(server, ROUNDS);
    await hosts.begin();
    await delay(SECONDS * 1000);
    for (const recordingId of recordings) {
      const asked = performance.now();
      await server.api.stopRecording(recordingId);
      answered.push(performance.now() - asked);
      const { errors } = await probeRecording(filesOf(server, recordingId)[0] ?? '');
      if (errors.length > 0) throw new Error(errors.join('\n'));
      probed.push(performance.now() - asked);
    }
  } finally {
    await hosts.close();
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
  }
  return { answered, probed };
}

/** From the stop request to a finished file, for a short recording and for the longest segment. */
export const stopBenchmark: Benchmark = {
  name: 'stop',
  about: 'stop → answered and playable, for 10 s and 90 min',
  async run(progress) {
    progress(`stop: ${ROUNDS} recordings of ${SECONDS} s`);
    const short = await stopShort();
    progress(`stop: one recording of ${LONG_MINUTES} min, faster than real time`);
    const folder = mkdtempSync(join(tmpdir(), 'aircheck-stop-'));
    try {
      const clip = readClip(await encodeClip(LOAD_MEDIA));
      const long = await recordSimulated(clip, LONG_MINUTES * 60, folder);
      const sizeMiB = statSync(long.path).size / 2 ** 20;
      const probing = performance.now();
      const probe = await probeRecording(long.path);
      const probeMs = performance.now() - probing;
      if (probe.errors.length > 0) throw new Error(probe.errors.join('\n'));
      return {
        title: 'Stop',
        columns: ['what', 'ms: median (min..max)', 'file'],
        rows: [
          ['10 s: stop → answered', spread(spreadOf(short.answered)), ''],
          ['10 s: stop → read by ffprobe', spread(spreadOf(short.probed)), ''],
          [
            `${LONG_MINUTES} min: stop → finished in the worker`,
            number(long.stopMs),
            `${sizeMiB.toFixed(0)} MiB, ${(probe.durationMs / 60_000).toFixed(1)} min`,
          ],
        ],
        notes: [
          `10 s: ${ROUNDS} recordings at once, stopped one after another over HTTP.`,
          `90 min: the recorder of the media worker was fed frames faster than real time (its clock is a simulated one) and stopped; HTTP and the database are not in it. ffprobe read all of the file in ${probeMs.toFixed(0)} ms.`,
        ],
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
