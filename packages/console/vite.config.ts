import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // An inlined file would be a data: URL, which the server's content security policy forbids for scripts.
    assetsInlineLimit: 0,
    // hls.js is one piece, fetched by who plays a playlist.
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      output: {
        // Ant Design is left to be split by what each page uses: in one piece, the first page would load all of it.
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler|@tanstack)[\\/]/ },
            { name: 'hls', test: /node_modules[\\/]hls\.js[\\/]/ },
          ],
        },
      },
    },
  },
  // The recorder's worker imports the AAC encoder when it needs it.
  worker: { format: 'es' },
  server: { proxy: { '/v1': { target: 'http://127.0.0.1:8080', ws: true } } },
});
