import { randomBytes } from 'node:crypto';
import { watch } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { linkFile } from '../../../src/library/uploads/disk.ts';

/** Another file system than that of the temporary files, to which nothing can be linked from there. */
const otherFolder = '/dev/shm';
const isOther = async () => (await stat(otherFolder)).dev !== (await stat(tmpdir())).dev;

describe.skipIf(!(await isOther().catch(() => false)))('a file that is copied since it cannot be linked', () => {
  let here: string;
  let there: string;

  beforeEach(async () => {
    here = await mkdtemp(join(tmpdir(), 'aircheck-link-'));
    there = await mkdtemp(join(otherFolder, 'aircheck-link-'));
  });
  afterEach(async () => {
    for (const folder of [here, there]) await rm(folder, { recursive: true, force: true });
  });

  it('is never there in part', async () => {
    const [from, to] = [join(here, 'a'), join(there, 'b')];
    const content = randomBytes(3 * 2 ** 20);
    await writeFile(from, content);
    const seen: string[] = [];
    const watcher = watch(there, (event, name) => seen.push(`${event} ${name}`));
    onTestFinished(() => watcher.close());
    await linkFile(from, to);
    await writeFile(join(there, 'end'), '');
    await expect.poll(() => seen).toContain('rename end');
    // Under its name it came at once, and nothing was written to it: a kill at any moment leaves nothing of it, or all.
    expect(seen).toContain('rename b');
    expect(seen).not.toContain('change b');
    expect(content.equals(await readFile(to))).toBe(true);
    await linkFile(from, to);
    expect(await readdir(there)).toEqual(expect.arrayContaining(['b', 'end']));
    expect(await readdir(there)).toHaveLength(2);
  });

  it('leaves nothing when it cannot be copied', async () => {
    const from = join(here, 'a');
    await mkdir(from);
    await expect(linkFile(from, join(there, 'b'))).rejects.toMatchObject({ code: 'storage-failed' });
    expect(await readdir(there)).toEqual([]);
  });
});
