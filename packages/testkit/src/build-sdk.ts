import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildOnce } from './build-once.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What a package's script `build` makes, and of what; paths from the repository's root. */
interface Product {
  readonly workspace: string;
  /** A build takes it away first of all, and makes it at its end. */
  readonly last: string;
  /** Patterns of files that every build writes. */
  readonly built: string;
  readonly sources: readonly string[];
}

const SDK: Product = {
  workspace: '@aircheck/web',
  last: 'packages/web/dist/package.json',
  built: 'packages/web/dist/*.js',
  sources: ['packages/web/src', 'packages/web/vite.config.ts', 'packages/media/src', 'packages/protocol/src'],
};
const AGENT: Product = {
  workspace: '@aircheck/agent',
  last: 'packages/agent/dist/aircheck-agent.tgz',
  built: 'packages/agent/dist/package/*',
  sources: [
    ...['src', 'package.json', 'make-package.ts', 'aircheck-agent.cjs'].map((path) => `packages/agent/${path}`),
    ...['engine', 'media', 'protocol', 'web'].map((name) => `packages/${name}/src`),
  ],
};

/** The newest change of a file or of anything below a folder; 0 when it is not there. */
function newestChange(path: string): number {
  if (!existsSync(path)) return 0;
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestChange(join(path, name))));
}

function isFresh({ last, built, sources }: Product): boolean {
  if (!existsSync(join(ROOT, last))) return false;
  const oldest = Math.min(...globSync(built, { cwd: ROOT }).map((path) => statSync(join(ROOT, path)).mtimeMs));
  return Number.isFinite(oldest) && oldest > Math.max(...sources.map((path) => newestChange(join(ROOT, path))));
}

/** Of several processes one builds, and the others wait for it. */
function build(product: Product): void {
  const { workspace } = product;
  const lock = join(ROOT, `node_modules/.cache/aircheck/${workspace.slice('@aircheck/'.length)}-build.lock`);
  buildOnce(
    lock,
    () => isFresh(product),
    () => execFileSync('npm', ['run', 'build', '--workspace', workspace, '--silent'], { cwd: ROOT, stdio: 'inherit' }),
  );
}

/** Builds what pages load as `/sdk/<name>.js`, unless it is newer than all of its sources. */
export function buildSdk(): void {
  build(SDK);
}

/** Builds what computers install as `/sdk/aircheck-agent.tgz`, unless it is newer than all of its sources. */
export function buildAgent(): void {
  build(AGENT);
}
