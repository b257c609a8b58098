import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeClip, readClip, readRecording } from '@aircheck/testkit';
import { LOAD_MEDIA } from './load.ts';
import { spreadOf } from './process-usage.ts';
import { recordSimulated } from './simulated-recording.ts';
import { type Benchmark, number, spread } from './table.ts';
import { inWorkProcess } from './work-process.ts';

const MINUTES = 90;
const ROUNDS = 5;

/** A minute out of a long recording, without encoding. */
export const clipBenchmark: Benchmark = {
  name: 'clip',
  about: 'clip of 60 s out of 90 min (=minutes), first and last picture held against what was sent',
  async run(progress, arg) {
    const minutes = Number(arg ?? MINUTES);
    const folder = await mkdtemp(join(tmpdir(), 'aircheck-clip-'));
    try {
      const clip = readClip(await encodeClip(LOAD_MEDIA));
      progress(`clip: a recording of ${minutes} min, faster than real time`);
      const { path } = await recordSimulated(clip, minutes * 60, folder);
      const startMs = Math.floor(minutes * 60_000 * 0.6) + 345;
      const source = { fileId: '100000000000000001', path, mimeType: 'video/mp4' };
      const cpu: number[] = [];
      const wall: number[] = [];
      let output = '';
      for (let round = 0; round < ROUNDS; round += 1) {
        progress(`clip: round ${round + 1} of ${ROUNDS}`);
        const order = { source, startMs, endMs: startMs + 60_000 };
        const done = await inWorkProcess('clip', order, join(folder, `round-${round}`));
        cpu.push(done.cpuMs);
        wall.push(done.wallMs);
        output = join(folder, `round-${round}`, done.result.file.name);
      }
      const content = await readRecording(output);
      const perSecond = clip.options.framesPerSecond;
      const counterAt = (ms: number) => Math.floor((ms * perSecond) / 1000 + 1e-6) % clip.pictures.length;
      const last = (Math.ceil(((startMs + 60_000) * perSecond) / 1000) - 1) % clip.pictures.length;
      const exact =
        content.pictures[0]?.counter === counterAt(startMs) &&
        content.pictures.at(-1)?.counter === last &&
        content.errors.length === 0;
      return {
        title: 'Clip',
        columns: ['what', 'CPU ms: median (min..max)', 'ms', 'first and last picture'],
        rows: [
          [
            `60 s out of ${minutes} min`,
            spread(spreadOf(cpu)),
            number(spreadOf(wall).median),
            exact ? 'exact' : 'WRONG',
          ],
        ],
        notes: [
          'In a process of its own as jobs are, of the order alone: the process was up, its modules were loaded. First and last picture by the counters burnt into them, of the decoded clip.',
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
