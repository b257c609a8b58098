import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DataFolder } from '../src/data-folder.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'aircheck-data-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

it('is made where it is missing', async () => {
  const folder = await DataFolder.open(join(parent, 'a', 'b'));
  expect((await stat(join(parent, 'a', 'b', 'recordings'))).isDirectory()).toBe(true);
  await folder.close();
});

it('is taken by one server at a time', async () => {
  const folder = await DataFolder.open(parent);
  await expect(DataFolder.open(parent)).rejects.toMatchObject({
    code: 'data-locked',
    message: expect.stringContaining(`process ${process.pid}`),
  });
  await folder.close();
  await folder.close();
  await (await DataFolder.open(parent)).close();
});

it('is free again after its server was killed', async () => {
  const path = fileURLToPath(new URL('../src/data-folder.ts', import.meta.url));
  const script = `const { DataFolder } = await import(process.argv[1]);
    globalThis.folder = await DataFolder.open(process.argv[2]);
    console.log('taken');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script, path, parent], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(holder, 'exit');
  await once(holder.stdout, 'data');
  await expect(DataFolder.open(parent)).rejects.toMatchObject({
    code: 'data-locked',
    message: expect.stringContaining(`process ${holder.pid}`),
  });
  holder.kill('SIGKILL');
  await exited;
  const folder = await DataFolder.open(parent);
  expect(JSON.parse(await readFile(join(parent, 'server.json'), 'utf8'))).toMatchObject({ pid: process.pid });
  await folder.close();
});

it.each([
  ['lock.db', 'cannot be locked'],
  ['server.json.new', 'cannot be written'],
])('says in one sentence that its file %s cannot be opened, and can be taken once it can', async (name, said) => {
  await mkdir(join(parent, name));
  await expect(DataFolder.open(parent)).rejects.toMatchObject({
    code: 'storage-failed',
    message: expect.stringMatching(new RegExp(`^The data folder ${parent} ${said}: [^\\n]+$`)),
  });
  await rm(join(parent, name), { recursive: true });
  await (await DataFolder.open(parent)).close();
});

it.each([
  ['below a file', 'file/data'],
  ['in the place of a file', 'file'],
  ['below a link that leads nowhere', 'link/data'],
  ['below a folder that takes no new ones', '/proc/aircheck/data'],
])('says in one sentence that it cannot be made %s', async (_place, name) => {
  await writeFile(join(parent, 'file'), '');
  await symlink(join(parent, 'nowhere', 'else'), join(parent, 'link'));
  const path = resolve(parent, name);
  await expect(DataFolder.open(path)).rejects.toMatchObject({
    code: 'storage-failed',
    message: expect.stringMatching(new RegExp(`^The data folder ${path} cannot be written: [^\\n]+$`)),
  });
});
