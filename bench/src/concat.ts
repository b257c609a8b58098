import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeClip, readClip, readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { LOAD_MEDIA } from './load.ts';
import { spreadOf } from './process-usage.ts';
import { recordSimulated } from './simulated-recording.ts';
import { type Benchmark, number, spread } from './table.ts';
import { inWorkProcess } from './work-process.ts';

const PARTS = 10;
const MINUTES = 10;
const ROUNDS = 3;

/** The segments of a long recording become one file, without encoding. */
export const concatBenchmark: Benchmark = {
  name: 'concat',
  about: 'ten segments of 10 min (=minutes) become one file, decoded from end to end',
  async run(progress, arg) {
    const minutes = Number(arg ?? MINUTES);
    const folder = await mkdtemp(join(tmpdir(), 'aircheck-concat-'));
    try {
      const clip = readClip(await encodeClip(LOAD_MEDIA));
      progress(`concat: ${PARTS} segments of ${minutes} min, faster than real time`);
      const { paths } = await recordSimulated(clip, PARTS * minutes * 60, folder, minutes * 60);
      const sources = paths.map((path, index) => ({
        fileId: String(100_000_000_000_000_001n + BigInt(index)),
        path,
        mimeType: 'video/mp4',
      }));
      const perGigabyte: number[] = [];
      const wall: number[] = [];
      let gigabytes = 0;
      let output = '';
      for (let round = 0; round < ROUNDS; round += 1) {
        progress(`concat: round ${round + 1} of ${ROUNDS}`);
        if (output !== '') await rm(output);
        const done = await inWorkProcess('concat', { sources }, join(folder, `round-${round}`));
        gigabytes = done.result.facts.sizeBytes / 1e9;
        perGigabyte.push(done.cpuMs / gigabytes);
        wall.push(done.wallMs);
        output = join(folder, `round-${round}`, done.result.file.name);
      }
      progress('concat: decoding it');
      const content = await readRecording(output);
      const { length } = clip.pictures;
      const wrong = content.pictures.filter(({ counter }, index) => counter !== index % length).length;
      const events = syncEvents(content);
      const { worstMs } = syncSummary(events);
      const continuous = `${wrong} pictures out of order, ${content.audioHoles.length + content.silences.length} gaps in the sound, ${events.length} beeps within ${number(worstMs)} ms of their flashes`;
      return {
        title: 'Concat',
        columns: ['what', 'CPU ms per GB: median (min..max)', 'ms', 'file', 'across the joints'],
        rows: [
          [
            `${paths.length} × ${minutes} min`,
            spread(spreadOf(perGigabyte)),
            number(spreadOf(wall).median),
            `${gigabytes.toFixed(2)} GB`,
            continuous,
          ],
        ],
        notes: [
          'In a process of its own as jobs are, of the order alone: the process was up, its modules were loaded. The joined file was decoded from end to end: every picture by the counter burnt into it, every beep against its flash.',
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
