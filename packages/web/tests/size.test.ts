import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSdk } from '@aircheck/testkit';
import { beforeAll, expect, test } from 'vitest';

const maxBytes = 60 * 1024;
const dist = new URL('../dist/', import.meta.url);

beforeAll(() => buildSdk());

/** What a page loads for an entry point before any of it runs. */
async function loadedFor(url: URL, loaded = new Map<string, string>()): Promise<Map<string, string>> {
  if (loaded.has(url.href)) return loaded;
  const code = await readFile(fileURLToPath(url), 'utf8');
  loaded.set(url.href, code);
  for (const [, path = ''] of code.matchAll(/(?:\bfrom|\bimport)\s*["'](\.[^"']+)["']/g)) {
    await loadedFor(new URL(path, url), loaded);
  }
  return loaded;
}

test('the core is 60 KiB compressed at most with all that a page loads for it, and has nothing of the recorder', async () => {
  const files = [...(await loadedFor(new URL('web.js', dist))).values()];
  expect(files.length).toBeGreaterThan(1);
  const bytes = files.reduce((sum, code) => sum + gzipSync(code).byteLength, 0);
  expect(bytes).toBeLessThan(maxBytes);
  expect(files.filter((code) => /createSyncAccessHandle|VideoEncoder|ZodError/.test(code))).toEqual([]);
  // A look at the recorder shows that it would be found.
  const recorder = await loadedFor(new URL('recorder.js', dist));
  expect([...recorder.values()].join()).toContain('VideoEncoder');
});
