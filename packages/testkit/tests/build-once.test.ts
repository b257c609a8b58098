import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

test('of several processes that find nothing built one builds, and all have it then', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aircheck-build-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const script = `
    import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
    import { buildOnce } from '${new URL('../src/build-once.ts', import.meta.url)}';
    const isFresh = () => existsSync('built');
    buildOnce('cache/lock', isFresh, () => {
      appendFileSync('builds', 'one ');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      writeFileSync('built', '');
    });
    process.exit(isFresh() ? 0 : 1);`;
  const exits = ['a', 'b', 'c'].map(() =>
    once(spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder, stdio: 'inherit' }), 'exit'),
  );
  expect((await Promise.all(exits)).map(([code]) => code)).toEqual([0, 0, 0]);
  expect(readFileSync(join(folder, 'builds'), 'utf8')).toBe('one ');
});
