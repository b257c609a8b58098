/** Entry of a child process that stands for the control process: the test kills it. */
import { pino } from 'pino';
import type { WorkerRequestName, WorkerRequests } from '../../src/worker/contract.ts';
import { MediaWorkers } from '../../src/worker/index.ts';

export type ControlCommand =
  | { readonly type: 'start'; readonly recordingsFolder: string }
  | {
      [N in WorkerRequestName]: { readonly type: 'request'; readonly name: N; readonly body: WorkerRequests[N]['in'] };
    }[WorkerRequestName];

export type ControlReport =
  | { readonly type: 'started'; readonly workerPid: number }
  | { readonly type: 'result'; readonly result: unknown }
  | { readonly type: 'progress'; readonly path: string; readonly durationMs: number };

const report = (message: ControlReport): void => {
  process.send!(message);
};

let workers: MediaWorkers;

process.on('message', async (command: ControlCommand) => {
  if (command.type === 'request') {
    report({ type: 'result', result: await workers.request('default/room', command.name, command.body as never) });
    return;
  }
  workers = new MediaWorkers({
    count: 1,
    portRange: [0, 0],
    options: { host: '127.0.0.1', recordingsFolder: command.recordingsFolder, syncMs: 2000, logLevel: 'silent' },
    logger: pino({ level: 'silent' }),
  });
  workers.on('segment-progress', ({ segment: { path, durationMs } }) => report({ type: 'progress', path, durationMs }));
  await workers.start();
  report({ type: 'started', workerPid: workers.pids[0]! });
});
