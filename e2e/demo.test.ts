import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { counterBreaks, readRecording } from '@aircheck/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aircheck-demo-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function startDemo(...options: string[]) {
  const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE };
  // npm hands signals on to what it runs.
  const child = spawn('npm', ['run', '--silent', 'demo', '--', '--seconds', '2', ...options], {
    cwd: ROOT,
    env: { ...env, AIRCHECK_DATA: folder, AIRCHECK_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { child, exit: once(child, 'exit') as Promise<[number | null]>, lines: createInterface(child.stdout) };
}

it('the demo gives a script one line of JSON about a file that plays, and ends', async () => {
  const { exit, lines } = startDemo('--once', '--json');
  const printed: string[] = [];
  for await (const line of lines) printed.push(line);
  expect((await exit)[0]).toBe(0);
  expect(printed).toHaveLength(1);
  const file = JSON.parse(printed[0]!);
  expect(Object.keys(file)).toEqual([
    'fileId',
    'fileName',
    'path',
    'durationMs',
    'sizeBytes',
    'video',
    'audio',
    'playUrl',
  ]);
  expect(file.playUrl).toContain(`/v1/media/${file.fileId}/`);
  const content = await readRecording(file.path);
  expect(content.errors).toEqual([]);
  expect(counterBreaks(content)).toEqual([]);
  expect(content.pictures).toHaveLength(file.video.frames);
  expect(file.durationMs).toBeGreaterThan(1900);
  expect(Math.abs(file.durationMs - content.pictures.at(-1)!.ptsMs)).toBeLessThan(100);
});

it('the demo shows people the file and leaves them a server with its page, until Ctrl-C', async () => {
  const { child, exit, lines } = startDemo();
  try {
    let text = '';
    for await (const line of lines) {
      text += `${line}\n`;
      if (line.includes('stays up')) break;
    }
    const link = (name: string) => new RegExp(`^ +${name} +(http://\\S+)$`, 'm').exec(text)![1]!;
    const page = await fetch(link('page'));
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('Aircheck');
    const file = await fetch(link('play'), { headers: { range: 'bytes=4-7' } });
    expect(await file.text()).toBe('ftyp');
    child.kill('SIGINT');
    expect((await exit)[0]).toBe(0);
    await expect(fetch(link('page'))).rejects.toThrow();
  } finally {
    child.kill('SIGKILL');
  }
});
