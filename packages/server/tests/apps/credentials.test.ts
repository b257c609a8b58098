import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadCredentials } from '../../src/apps/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aircheck-credentials-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('makes key and secret at first start, keeps them for the owner alone, and says so once', async () => {
  const made = await loadCredentials(folder, undefined);
  expect(made).toMatchObject({ created: true, key: expect.stringMatching(/^ak_[0-9a-f]{18}$/) });
  expect(made.secret).toHaveLength(43);
  const path = join(folder, 'credentials.json');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ key: made.key, secret: made.secret });
  expect(await loadCredentials(folder, undefined)).toEqual({ ...made, created: false });
});

it('takes those of the environment and keeps none', async () => {
  const given = { key: 'given', secret: 'a secret of sixteen letters' };
  expect(await loadCredentials(folder, given)).toEqual({ ...given, created: false });
  await expect(stat(join(folder, 'credentials.json'))).rejects.toMatchObject({ code: 'ENOENT' });
});

it('does not replace a file that it cannot read, for that would end all tokens and links', async () => {
  const path = join(folder, 'credentials.json');
  await writeFile(path, '{"key": "half a fi');
  await expect(loadCredentials(folder, undefined)).rejects.toMatchObject({ code: 'storage-failed' });
  expect(await readFile(path, 'utf8')).toBe('{"key": "half a fi');
});
