import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the page also works when a proxy mounts it below a path.
  base: './',
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'baseline-widely-available',
    // The content policy forbids what a polyfill or an inlined asset would bring in.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // The budget is 120 kB compressed; a test of the page watches over it.
    chunkSizeWarningLimit: 400,
  },
})
