import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const inside = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The entry points as pages load them: `dist/web.js` is the core, the others are named as in `exports`. */
const entries = { web: 'core', recorder: 'recorder', ilive: 'ilive', netcall: 'netcall', agent: 'agent' };

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
});
