/*
 * Carries out one order for a job in a process of its own and tells what it cost. Started with fork() by `inWorkProcess`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { WorkName, WorkOrders, WorkResults } from '../../packages/server/src/jobs/work-orders.ts';

export interface WorkDone<N extends WorkName> {
  readonly result: WorkResults[N];
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** @param folder - a new one, for what is made */
export async function inWorkProcess<N extends WorkName>(
  name: N,
  order: WorkOrders[N],
  folder: string,
): Promise<WorkDone<N>> {
  await mkdir(folder, { recursive: true });
  const child = fork(import.meta.filename);
  const answer = Promise.race([
    once(child, 'message').then(([message]) => message as WorkDone<N> | { readonly error: string }),
    once(child, 'exit').then(([code]) => ({ error: `the process ended with ${code}` })),
  ]);
  child.send({ name, order, folder });
  const done = await answer;
  child.kill();
  if ('error' in done) throw new Error(done.error);
  return done;
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  process.once(
    'message',
    async ({ name, order, folder }: { name: 'clip' | 'concat'; order: never; folder: string }) => {
      try {
        const { clip } = await import('../../packages/server/src/jobs/works/clip.ts');
        const { concat } = await import('../../packages/server/src/jobs/works/concat.ts');
        const from = process.cpuUsage();
        const began = performance.now();
        const work = { clip, concat }[name];
        const result = await work(order, { folder, progress: () => {}, signal: new AbortController().signal });
        const { user, system } = process.cpuUsage(from);
        process.send!({ result, cpuMs: (user + system) / 1000, wallMs: performance.now() - began });
      } catch (error) {
        process.send!({ error: error instanceof Error ? error.stack : String(error) });
      }
    },
  );
}
