// A service worker has no import(): it is bundled into one script, also while developing.
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const envPrefix = ['PAWL_URL']
const entry = fileURLToPath(new URL('worker.js', import.meta.url))

async function bundled() {
  const [{ output }] = await build({
    configFile: false,
    logLevel: 'error',
    envPrefix,
    build: {
      write: false,
      target: 'esnext',
      lib: { entry, formats: ['iife'], name: 'worker', fileName: 'worker' },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })
  return output.find(({ type }) => type === 'chunk').code
}

const worker = {
  name: 'worker',
  configureServer(server) {
    server.middlewares.use('/worker.js', async (_req, res) => {
      res.setHeader('Content-Type', 'text/javascript')
      res.end(await bundled())
    })
  },
}

export default { envPrefix, plugins: [worker] }
