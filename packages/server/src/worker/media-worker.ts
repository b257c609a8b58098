/*
 * The process that holds sockets, peers and recorders. Started by `MediaWorkers` with fork(); lives as long as the
 * channel to the control process does.
 */

import type { EndReason } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol';
import { type Logger, pino } from 'pino';
import type { FromWorker, ToWorker, WorkerOptions } from './contract.ts';
import { MediaServices } from './media-services.ts';

/** How long a worker that must end anyway tries to finish its recordings; recovery does the rest. */
const CRASH_DRAIN_MS = 2_000;

const destination = pino.destination({ dest: 1, sync: false });
let logger: Logger = pino({ level: 'info' }, destination);
let services: MediaServices | undefined;
let ending = false;

function send(message: FromWorker): void {
  // The channel may close at any moment; what a control process that is gone would have been told is in the journals.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

async function end(exitCode: number, reason: EndReason, deadlineMs: number | undefined): Promise<void> {
  if (ending) return;
  ending = true;
  const drained = services?.recorder.drain(reason).catch((error: unknown) => {
    logger.error({ err: error }, 'recordings could not be finished');
  });
  const deadline =
    deadlineMs === undefined ? new Promise<never>(() => {}) : new Promise((resolve) => setTimeout(resolve, deadlineMs));
  await Promise.race([drained, deadline]);
  destination.flushSync();
  process.exit(exitCode);
}

function crash(error: unknown): void {
  logger.fatal({ err: error }, 'media worker failed');
  void end(1, 'interrupted', CRASH_DRAIN_MS);
}

async function initialize(options: WorkerOptions): Promise<void> {
  logger = pino({ level: options.logLevel, base: { pid: process.pid, worker: options.workerId } }, destination);
  try {
    services = await MediaServices.open(
      options,
      (name, body) => send({ kind: 'event', name, body } as FromWorker),
      logger,
    );
  } catch (cause) {
    const error = cause instanceof AircheckError ? cause : new AircheckError('internal', String(cause), { cause });
    logger.fatal({ err: cause }, 'media worker could not start');
    send({ kind: 'error', id: 0, problem: error.toProblem() });
    return;
  }
  send({ kind: 'ready' });
}

async function respond({ id, name, body }: Extract<ToWorker, { kind: 'request' }>): Promise<void> {
  try {
    if (services === undefined) throw new AircheckError('worker-lost', 'The media worker is not ready');
    send({ kind: 'response', id, result: await services.handle(name, body) });
  } catch (cause) {
    const known = cause instanceof AircheckError;
    if (!known) logger.error({ err: cause, request: name }, 'request failed');
    const error = known ? cause : new AircheckError('internal', `The media worker failed at ${name}`, { cause });
    send({ kind: 'error', id, problem: error.toProblem() });
  }
}

process.on('message', (message: ToWorker) => {
  if (message.kind === 'init') void initialize(message.options);
  else void respond(message);
});
process.on('disconnect', () => void end(0, 'interrupted', undefined));
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
// Ctrl-C in a terminal reaches the whole process group: the control process drains its workers, then lets them go.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
