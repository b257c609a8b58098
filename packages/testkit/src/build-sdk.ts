import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildOnce } from './build-once.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BUILT = join(ROOT, 'packages/web/dist');
const LOCK = join(ROOT, 'node_modules/.cache/aircheck/sdk-build.lock');
const SOURCES = ['packages/web/src', 'packages/web/vite.config.ts', 'packages/media/src', 'packages/protocol/src'];

/** The newest change of a file or of anything below a folder; 0 when it is not there. */
function newestChange(path: string): number {
  if (!existsSync(path)) return 0;
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

function oldestBuilt(): number {
  const scripts = existsSync(BUILT) ? readdirSync(BUILT).filter((name) => name.endsWith('.js')) : [];
  return Math.min(...scripts.map((name) => statSync(join(BUILT, name)).mtimeMs));
}

function isFresh(): boolean {
  // A build takes it away first of all, and makes it at its end.
  if (!existsSync(join(BUILT, 'package.json'))) return false;
  const built = oldestBuilt();
  return Number.isFinite(built) && built > Math.max(...SOURCES.map((path) => newestChange(join(ROOT, path))));
}

/**
 * Builds what pages load as `/sdk/<name>.js`, unless it is newer than all of its sources. Of several processes one builds,
 * and the others wait for it.
 */
export function buildSdk(): void {
  buildOnce(LOCK, isFresh, () =>
    execFileSync('npm', ['run', 'build', '--workspace', '@aircheck/web', '--silent'], { cwd: ROOT, stdio: 'inherit' }),
  );
}
