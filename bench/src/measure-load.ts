import { delay, type Hosts } from './load.ts';
import { type CpuWindows, measureWindows, memoryOf } from './process-usage.ts';

export const WINDOWS = 3;
export const WINDOW_MS = 9000;
/** From the first packet to the first window: connections, just-in-time compilation and first key frames are over. */
const WARM_UP_MS = 50_000;

/** Processes and who sends to them. */
interface Load {
  readonly hosts: Hosts;
  readonly pids: readonly number[];
}

/** What processes used while they carried a load. */
export interface Measured {
  readonly cpu: CpuWindows;
  readonly rssMiB: number;
  readonly pssMiB: number;
}

/** All hosts begin to send; once all runs evenly, processes are watched. The hosts go on. */
export async function measureLoad(hosts: Hosts, pids: readonly number[]): Promise<Measured> {
  return (await measureSideBySide([{ hosts, pids }]))[0]!;
}

/** As {@link measureLoad}, for several at the same time: what the machine does beside concerns them all alike. */
export async function measureSideBySide(loads: readonly Load[]): Promise<Measured[]> {
  await Promise.all(loads.map(({ hosts }) => hosts.begin()));
  await delay(WARM_UP_MS);
  return Promise.all(
    loads.map(async ({ hosts, pids }) => {
      const cpu = await measureWindows(pids, hosts.publishers.length, WINDOWS, WINDOW_MS);
      return { cpu, ...memoryOf(pids) };
    }),
  );
}
