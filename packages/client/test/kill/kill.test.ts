import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTusEmulator } from '../servers/tus-emulator.ts'
import { startTusServer } from '../servers/tus-node-server.ts'
import { killTests, sha256Of } from './kill-tests.ts'

killTests('fs', async () => {
  const root = await mkdtemp(join(tmpdir(), 'pawl-kill-fs-'))
  return {
    adapter: { name: 'fs', root },
    partSize: 4 * 2 ** 20,
    digest: (key) => sha256Of(join(root, key)),
    close: () => rm(root, { recursive: true }),
  }
})

killTests("tus, against the tus project's server", async () => {
  const server = await startTusServer()
  return {
    adapter: { name: 'tus', endpoint: server.endpoint, parallel: 1 },
    partSize: 4 * 2 ** 20,
    digest: async (_key, url) => sha256Of(server.path(url ?? '')),
    close: () => server.close(),
  }
})

killTests('tus with joined lanes', async () => {
  const server = await startTusEmulator()
  return {
    adapter: { name: 'tus', endpoint: server.endpoint, parallel: 4 },
    partSize: 2 ** 20,
    digest: async (_key, url) =>
      createHash('sha256')
        .update(server.read(url ?? '') ?? '')
        .digest('hex'),
    close: () => server.close(),
  }
})
