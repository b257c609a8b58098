/*
 * `npm run bench`: runs benchmarks one after another and prints a Markdown table of each on standard output.
 */
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { agentBenchmark } from './agent.ts';
import { browserRecorderBenchmark } from './browser-recorder.ts';
import { clipBenchmark } from './clip.ts';
import { concatBenchmark } from './concat.ts';
import { eventsBenchmark } from './events.ts';
import { forwardBenchmark } from './forward.ts';
import { killBenchmark } from './kill.ts';
import { lossBenchmark } from './loss.ts';
import { prefixSearchBenchmark } from './prefix-search.ts';
import { recordBenchmark } from './record.ts';
import { recorderMemoryBenchmark } from './recorder-memory.ts';
import { serveBenchmark } from './serve.ts';
import { startBenchmark } from './start.ts';
import { stopBenchmark } from './stop.ts';
import { syncBenchmark } from './sync.ts';
import { tabKillBenchmark } from './tab-kill.ts';
import { type Benchmark, markdown } from './table.ts';
import { uploadBenchmark } from './upload.ts';
import { uploadCutsBenchmark } from './upload-cuts.ts';
import { worksBenchmark } from './works.ts';

const benchmarks: readonly Benchmark[] = [
  recordBenchmark,
  lossBenchmark,
  syncBenchmark,
  startBenchmark,
  stopBenchmark,
  killBenchmark,
  forwardBenchmark,
  eventsBenchmark,
  prefixSearchBenchmark,
  worksBenchmark,
  clipBenchmark,
  concatBenchmark,
  serveBenchmark,
  uploadBenchmark,
  uploadCutsBenchmark,
  browserRecorderBenchmark,
  recorderMemoryBenchmark,
  tabKillBenchmark,
  agentBenchmark,
];

const HELP = `npm run bench -- [name[=argument] ...] [--json]

${benchmarks.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join('\n')}

Without names all run, in this order. Progress goes to standard error.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
});

if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const wanted = positionals.length > 0 ? positionals : benchmarks.map(({ name }) => name);
const runs = wanted.map((text) => {
  const [name, arg] = text.split('=', 2);
  const benchmark = benchmarks.find((candidate) => candidate.name === name);
  if (benchmark === undefined) {
    process.stderr.write(`bench: there is no benchmark ${JSON.stringify(name)}\n\n${HELP}`);
    process.exit(2);
  }
  return { benchmark, arg };
});

if (!values.json) {
  const processors = cpus();
  process.stdout.write(
    `Machine: ${processors.length} × ${processors[0]?.model.trim()}, Linux ${release()}, Node ${process.versions.node}; ` +
      'all traffic on loopback.\n\n',
  );
}
let failed = false;
for (const { benchmark, arg } of runs) {
  const command = `npm run bench -- ${benchmark.name}${arg === undefined ? '' : `=${arg}`}`;
  try {
    const report = await benchmark.run((text) => process.stderr.write(`${text}\n`), arg);
    const output = values.json
      ? JSON.stringify({ name: benchmark.name, command, ...report })
      : markdown(report, command);
    process.stdout.write(`${output}\n`);
  } catch (error) {
    failed = true;
    process.stderr.write(`bench: ${benchmark.name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
process.exit(failed ? 1 : 0);
