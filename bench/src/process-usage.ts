import { readdirSync, readFileSync } from 'node:fs';

/** What a set of processes has used so far. */
export interface Usage {
  readonly atMs: number;
  /** CPU milliseconds of all threads, from the scheduler's own accounting. */
  readonly cpuMs: number;
  /** Of it in the kernel and in all, in the clock ticks of `/proc/<pid>/stat`: good for their ratio alone. */
  readonly kernelTicks: number;
  readonly ticks: number;
}

function cpuMsOf(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // First field: time spent on the CPU, in nanoseconds (Documentation/scheduler/sched-stats.rst).
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  return nanoseconds / 1e6;
}

export function usageOf(pids: readonly number[]): Usage {
  let cpuMs = 0;
  let kernelTicks = 0;
  let ticks = 0;
  for (const pid of pids) {
    cpuMs += cpuMsOf(pid);
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 (proc_pid_stat(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const [user, kernel] = [Number(fields[11]), Number(fields[12])];
    kernelTicks += kernel;
    ticks += user + kernel;
  }
  return { atMs: performance.now(), cpuMs, kernelTicks, ticks };
}

/** Memory of a set of processes in MiB: resident sets summed, and with shared pages counted once (PSS). */
export function memoryOf(pids: readonly number[]): { rssMiB: number; pssMiB: number } {
  const memory = { rssMiB: 0, pssMiB: 0 };
  for (const pid of pids) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const kiB = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0);
    memory.rssMiB += kiB('Rss') / 1024;
    memory.pssMiB += kiB('Pss') / 1024;
  }
  return memory;
}

/** Middle, lowest and highest of some figures. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

export interface CpuWindows {
  /** CPU milliseconds per second of one stream. */
  readonly perStreamSecond: Spread;
  /** The same of each window. */
  readonly figures: readonly number[];
  /** Share of the CPU time that was spent in the kernel, 0 to 1. */
  readonly kernelShare: number;
}

/** How much more one took than another one that was watched in the same windows. */
export function ratioOf(one: CpuWindows, other: CpuWindows): Spread {
  return spreadOf(one.figures.map((figure, window) => figure / other.figures[window]!));
}

/** Watches processes while they carry `streams` streams. */
export async function measureWindows(
  pids: readonly number[],
  streams: number,
  windows: number,
  windowMs: number,
): Promise<CpuWindows> {
  const figures: number[] = [];
  const first = usageOf(pids);
  let before = first;
  for (let window = 0; window < windows; window += 1) {
    await new Promise((done) => setTimeout(done, windowMs));
    const after = usageOf(pids);
    figures.push((after.cpuMs - before.cpuMs) / (((after.atMs - before.atMs) / 1000) * streams));
    before = after;
  }
  return {
    perStreamSecond: spreadOf(figures),
    figures,
    kernelShare: (before.kernelTicks - first.kernelTicks) / Math.max(1, before.ticks - first.ticks),
  };
}
