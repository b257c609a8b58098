import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BUILT = join(ROOT, 'packages/web/dist');
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

/** Builds what pages load as `/sdk/<name>.js`, unless it is newer than all of its sources. */
export function buildSdk(): void {
  const newest = Math.max(...SOURCES.map((path) => newestChange(join(ROOT, path))));
  const built = oldestBuilt();
  if (Number.isFinite(built) && built > newest) return;
  execFileSync('npm', ['run', 'build', '--workspace', '@aircheck/web', '--silent'], { cwd: ROOT, stdio: 'inherit' });
}
