import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/*
 * Makes `dist/aircheck-agent.tgz`, an npm package of the agent: plain JavaScript with all that it needs inside (WebAssembly
 * too), so that whoever has it needs neither this repository nor a registry. The server gives it out as
 * `/sdk/aircheck-agent.tgz`; `npm install` takes it from there.
 */

const here = import.meta.dirname;
const root = join(here, '../..');
const dist = join(here, 'dist');
const folder = join(dist, 'package');

rmSync(dist, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const bundle = await rolldown({ input: { agent: join(here, 'src/main.ts') }, platform: 'node' });
const { output } = await bundle.write({
  dir: folder,
  format: 'esm',
  entryFileNames: '[name].js',
  codeSplitting: false,
});
await bundle.close();

const { version, description, license, type, engines } = manifestIn(here);
const manifest = {
  name: 'aircheck-agent',
  version,
  description,
  license,
  type,
  bin: 'aircheck-agent.cjs',
  engines,
  files: ['agent.js', 'aircheck-agent.cjs', 'THIRD-PARTY-LICENSES'],
};
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
writeFileSync(join(folder, 'THIRD-PARTY-LICENSES'), [...bundledPackages()].map(licenseOf).join('\n'));
copyFileSync(join(here, 'aircheck-agent.cjs'), join(folder, 'aircheck-agent.cjs'));
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));

const [{ filename }] = JSON.parse(
  execFileSync('npm', ['pack', '--json', '--pack-destination', dist], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    // On Windows npm is a script, which only a shell starts.
    shell: process.platform === 'win32',
  }),
);
renameSync(join(dist, filename), join(dist, 'aircheck-agent.tgz'));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly homepage?: string;
  readonly repository?: string | { readonly url: string };
  readonly engines: { readonly node: string };
}

function manifestIn(packageFolder: string): Manifest {
  return JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
}

/** Folders of the packages of others that something of came into the bundle. */
function bundledPackages(): Set<string> {
  const modules = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
  const folders = modules.map((path) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(path)?.[0]);
  return new Set(folders.filter((path) => path !== undefined).sort());
}

/**
 * What a package's license wants to be told with every copy: itself, and where the source is. What packages leave out, of
 * themselves or of what is compiled into them, is kept in `licenses/` by their names.
 */
function licenseOf(packageFolder: string): string {
  const { name, version, license, homepage, repository } = manifestIn(packageFolder);
  const source = (typeof repository === 'string' ? repository : repository?.url) ?? homepage ?? '';
  const own = readdirSync(packageFolder).filter((file) => /^licen[cs]e/i.test(file));
  const paths = [...own.map((file) => join(packageFolder, file)), join(here, 'licenses', `${name}.txt`)];
  const texts = paths.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8').trim());
  if (texts.length === 0) {
    throw new Error(`${name} comes without the text of its license (${license}): put it into licenses/${name}.txt`);
  }
  return [`${name} ${version} (${license})`, source, '', texts.join('\n\n'), '', '-'.repeat(72), ''].join('\n');
}
