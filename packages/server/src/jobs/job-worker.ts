/*
 * The process that decodes, encodes, cuts and checks files. Started by `JobProcess` with fork() when there is work; lives
 * as long as the channel to the control process does.
 */

import { constants, setPriority } from 'node:os';
import { AircheckError } from '@aircheck/protocol';
import type { FromJobWorker, ToJobWorker } from './contract.ts';
import { toAircheckError } from './system-errors.ts';
import type { Work, WorkName } from './work-orders.ts';
import { works } from './works/index.ts';

/** Media must not be disturbed: every thread that is started from here on gets what nobody else wants. */
const NICENESS = 15;
/** Milliseconds between two signs of progress: works tell it as often as they like. */
const PROGRESS_MS = 500;

let current: { readonly id: number; readonly controller: AbortController } | undefined;

function send(message: FromJobWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

async function work({ id, name, order, folder }: Extract<ToJobWorker, { kind: 'order' }>): Promise<void> {
  const controller = new AbortController();
  current = { id, controller };
  let toldAt = 0;
  try {
    const run = works[name] as Work<WorkName>;
    const result = await run(order, {
      folder,
      signal: controller.signal,
      progress(percent) {
        const now = performance.now();
        if (now - toldAt < PROGRESS_MS) return;
        toldAt = now;
        send({ kind: 'progress', id, percent });
      },
    });
    send({ kind: 'result', id, result });
  } catch (error) {
    send({ kind: 'error', id, problem: toAircheckError(error, name).toProblem() });
  } finally {
    current = undefined;
  }
}

try {
  setPriority(NICENESS);
} catch {
  // Refused where the process is nicer already, or the system knows no priorities: the work is done all the same.
  setPriority(constants.priority.PRIORITY_LOW);
}
process.on('message', (message: ToJobWorker) => {
  if (message.kind === 'order') void work(message);
  else if (current?.id === message.id)
    current.controller.abort(new AircheckError('job-cancelled', 'The job was cancelled'));
});
// Whoever ordered it is gone: the job is done again by the next run of the server.
process.on('disconnect', () => process.exit(0));
// Ctrl-C in a terminal reaches the whole process group: the control process ends its workers itself.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
send({ kind: 'ready' });
