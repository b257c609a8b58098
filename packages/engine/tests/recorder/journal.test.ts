import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { SegmentSnapshot } from '../../src/recorder/contract.ts';
import { type Journal, thisWriter, writersGone } from '../../src/recorder/journal.ts';

function journalBy(writer: Pick<Journal, 'writerPid' | 'writerBegan'>, closed = false): Journal {
  return { version: 1, recordingStartedAt: 0, segment: {} as SegmentSnapshot, closed, ...writer } as Journal;
}

it('a journal names its process and when that began, as the system tells it', async () => {
  const { writerPid, writerBegan } = await thisWriter();
  expect(writerPid).toBe(process.pid);
  expect((await readFile(`/proc/${process.pid}/stat`, 'utf8')).split(' ')).toContain(writerBegan);
});

it('a process that still writes is waited for; another one that has its id by now is let alone', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log("up")'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    await once(child.stdout, 'data');
    const writerPid = child.pid!;
    const stat = await readFile(`/proc/${writerPid}/stat`, 'utf8');
    const writerBegan = stat.replace(/^.*\) /s, '').split(' ')[19]!;
    await writersGone([journalBy({ writerPid, writerBegan: '1' }), journalBy({ writerPid, writerBegan }, true)]);
    expect(child.exitCode).toBeNull();

    let gone = false;
    const waiting = writersGone([journalBy({ writerPid, writerBegan })]).then(() => {
      gone = true;
    });
    // Time for it to look at the process several times.
    for (let look = 0; look < 3; look++) await new Promise((done) => setTimeout(done, 60));
    expect(gone).toBe(false);
    child.stdin.end();
    await waiting;
    expect(child.signalCode).toBeNull();
  } finally {
    child.kill();
  }
});

it('a process that has ended, and whose parent has not noticed yet, writes no more', async () => {
  // The shell becomes a program that waits for no child; the child ends, and stays as a zombie.
  const parent = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
    const writerPid = Number(String(printed).trim());
    const stat = async () => (await readFile(`/proc/${writerPid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
    await expect.poll(async () => (await stat())[0]).toBe('Z');
    await writersGone([journalBy({ writerPid, writerBegan: (await stat())[19]! })]);
    expect((await stat())[0]).toBe('Z');
  } finally {
    parent.kill();
  }
});
