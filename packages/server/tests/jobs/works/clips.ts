import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import type { SourceFile, WorkContext, WorkName, WorkOrders, WorkResults } from '../../../src/jobs/work-orders.ts';
import { works } from '../../../src/jobs/works/index.ts';

export { writeRecording } from './write-recording.ts';

/** Small test media: 320 × 180, 25 pictures a second, a flash and a beep each second. */
export const SMALL = { seconds: 3, width: 320, height: 180, framesPerSecond: 25, keyFrameSeconds: 1 } as const;

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-works-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** For all tests of a file. */
export async function sharedFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-works-'));
  cleanUp.push(folder);
  return folder;
}
const cleanUp: string[] = [];
afterAll(() => Promise.all(cleanUp.map((folder) => rm(folder, { recursive: true, force: true }))));

/** Runs a program. @returns what it wrote to its output */
export async function run(program: string, args: readonly string[]): Promise<Buffer> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${Buffer.concat(errors)}`);
  return Buffer.concat(output);
}

/** Brings a file into another form with the `ffmpeg` command, which is no part of what is tested. */
export async function ffmpeg(input: string, output: string, ...options: readonly string[]): Promise<string> {
  // Encoders whose threads wait for one another burn a busy machine.
  await run('ffmpeg', ['-v', 'error', '-y', '-i', input, ...options, '-threads', '1', output]);
  return output;
}

export function sourceOf(path: string): SourceFile {
  return { fileId: '12345678901234567', path, mimeType: 'application/octet-stream' };
}

/** Does a work as the worker process does. */
export async function doWork<N extends WorkName>(
  name: N,
  order: WorkOrders[N],
  context: Partial<WorkContext> = {},
): Promise<{ folder: string; result: WorkResults[N]; percents: number[] }> {
  const folder = context.folder ?? (await newFolder());
  const percents: number[] = [];
  const result = await works[name](order, {
    folder,
    progress: context.progress ?? ((percent) => percents.push(percent)),
    signal: context.signal ?? new AbortController().signal,
  });
  return { folder, result: result as WorkResults[N], percents };
}
