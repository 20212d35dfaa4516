import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** Scripts and styles lie compressed beside themselves, as the server sends them. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    async writeBundle({ dir = '' }) {
      for (const name of await readdir(dir, { recursive: true })) {
        if (!/\.(js|css|svg|html)$/.test(name)) continue
        const bytes = await readFile(join(dir, name))
        await writeFile(join(dir, `${name}.br`), brotliCompressSync(bytes))
        await writeFile(join(dir, `${name}.gz`), gzipSync(bytes, { level: 9 }))
      }
    },
  }
}

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the page also works when a proxy mounts it below a path.
  base: './',
  plugins: [react(), compressed()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'baseline-widely-available',
    // The content policy forbids what a polyfill or an inlined asset would bring in.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // How long its own parts took is no news for whoever starts the server for the first time.
    rolldownOptions: { checks: { bundlerTimings: false } },
    // The budget is 120 kB compressed; a test of the page watches over it.
    chunkSizeWarningLimit: 400,
  },
})
