import { delay, type Hosts } from './load.ts';
import { type CpuWindows, measureWindows, memoryOf } from './process-usage.ts';

export const WINDOWS = 3;
export const WINDOW_MS = 9000;
/** From the first packet to the first window: connections, just-in-time compilation and first key frames are over. */
const WARM_UP_MS = 30_000;

/** What processes used while they carried a load. */
export interface Measured {
  readonly cpu: CpuWindows;
  readonly rssMiB: number;
  readonly pssMiB: number;
}

/** All hosts begin to send; once all runs evenly, processes are watched. The hosts go on. */
export async function measureLoad(hosts: Hosts, pids: readonly number[]): Promise<Measured> {
  await hosts.begin();
  await delay(WARM_UP_MS);
  const cpu = await measureWindows(pids, hosts.publishers.length, WINDOWS, WINDOW_MS);
  return { cpu, ...memoryOf(pids) };
}
