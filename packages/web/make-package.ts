import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Makes an npm package of `dist`: the modules that vite has put there, with all that they need inside, and their types.
 * `npm install <path or tarball of dist>` takes it; nothing of this repository is needed then.
 */

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = join(here, 'dist');
const types = join(dist, 'types');
const require = createRequire(import.meta.url);

const source = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const protocol = JSON.parse(readFileSync(join(here, '../protocol/package.json'), 'utf8'));

execFileSync(
  process.execPath,
  [join(dirname(require.resolve('typescript/package.json')), 'bin/tsc'), '-p', join(here, 'tsconfig.types.json')],
  { stdio: 'inherit' },
);

/** Where the types of our packages lie, by the name they are imported by. */
const entries = new Map<string, string>();
for (const name of ['protocol', 'media', 'web']) {
  const { exports } = JSON.parse(readFileSync(join(here, '..', name, 'package.json'), 'utf8'));
  for (const [path, file] of Object.entries<string>(exports)) {
    entries.set(`@aircheck/${name}${path.slice(1)}`, join(types, name, file).replace(/\.ts$/, '.d.ts'));
  }
}

for (const file of globSync('**/*.d.ts', { cwd: types })) {
  const path = join(types, file);
  const text = readFileSync(path, 'utf8').replace(
    /(from |import\()(['"])([^'"]+)\2/g,
    (whole, before, quote, specifier) => {
      const entry = entries.get(specifier);
      if (entry !== undefined) {
        const to = relative(dirname(path), entry)
          .replaceAll('\\', '/')
          .replace(/\.d\.ts$/, '.js');
        return `${before}${quote}${to.startsWith('.') ? to : `./${to}`}${quote}`;
      }
      return specifier.startsWith('.') ? whole.replace(/\.ts(['"])$/, '.js$1') : whole;
    },
  );
  writeFileSync(path, text);
}

/** Doors for our own packages alone have no module of their own. */
const exports = Object.fromEntries(
  Object.keys(source.exports)
    .map((path) => ({ path, module: `./${path === '.' ? 'web' : path.slice(2)}.js` }))
    .filter(({ module }) => existsSync(join(dist, module)))
    .map(({ path, module }) => {
      const declaration = entries.get(`@aircheck/web${path.slice(1)}`) ?? '';
      return [path, { types: `./${relative(dist, declaration)}`, default: module }];
    }),
);
const { name, version, description, license, type } = source;
// The types of what goes over the wire are inferred from zod schemas; at run time nothing else is needed.
const dependencies = { zod: protocol.dependencies.zod };
const manifest = { name, version, description, license, type, sideEffects: false, exports, dependencies };
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(join(here, 'README.md'), join(dist, 'README.md'));
copyFileSync(join(here, '../../LICENSE'), join(dist, 'LICENSE'));
