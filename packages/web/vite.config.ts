import { existsSync } from 'node:fs';
import { glob, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const inside = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The entry points as pages load them: `dist/web.js` is the core, the others are named as in `exports`. */
const entries = {
  web: 'core',
  recorder: 'recorder',
  ilive: 'ilive',
  netcall: 'netcall',
  agent: 'agent',
  native: 'native',
};

/** Lays a compressed file beside each, which the server gives to browsers that take it. */
const compressed: Plugin = {
  name: 'compressed',
  apply: 'build',
  async closeBundle() {
    for await (const path of glob(inside('dist/**/*.js'))) {
      await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
    }
  },
};

/** ES modules for pages without a build step; the server gives them out under `/sdk/`. */
export default defineConfig({
  root: inside('.'),
  base: './',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // An inlined file would be a data: URL, which content security policies forbid for scripts.
    assetsInlineLimit: 0,
    modulePreload: false,
    rolldownOptions: {
      input: Object.fromEntries(
        Object.entries(entries)
          .map(([name, folder]) => [name, inside(`src/${folder}/index.ts`)] as const)
          .filter(([, path]) => existsSync(path)),
      ),
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  worker: { format: 'es' },
  plugins: [compressed],
});
