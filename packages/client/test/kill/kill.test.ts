import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasCeph, startCeph } from '@pawl/emulators/ceph'
import type { S3Server } from '@pawl/emulators/s3-server'
import { hasSwift, startSwift } from '@pawl/emulators/swift'
import { azure } from '../../src/adapters/azure/azure.ts'
import { s3 } from '../../src/adapters/s3/s3.ts'
import { Files } from '../../src/files.ts'
import { hasAzurite, startAzurite } from '../servers/azurite.ts'
import { startPawl } from '../servers/pawl.ts'
import { startTusEmulator } from '../servers/tus-emulator.ts'
import { startTusServer } from '../servers/tus-node-server.ts'
import { adapterOf } from './job.ts'
import { type KillWorld, killTests, sha256Of } from './kill-tests.ts'

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

killTests("tus, against Pawl's server, with joined lanes", async () => {
  const server = await startPawl()
  return {
    adapter: { name: 'tus', endpoint: server.endpoint, parallel: 4 },
    partSize: 2 ** 20,
    digest: (_key, url) => fetchedDigest(url),
    close: () => server.close(),
  }
})

killTests("resumable-http, against Pawl's server", async () => {
  const server = await startPawl()
  return {
    adapter: { name: 'resumable-http', endpoint: server.endpoint },
    partSize: 2 ** 20,
    digest: (_key, url) => fetchedDigest(url),
    close: () => server.close(),
  }
})

killTests("supabase, on Pawl's storage face", async () => {
  const server = await startPawl()
  const { storage: url, serviceKey: apiKey } = server
  const adapter = { name: 'supabase', url, bucket: 'documents', apiKey } as const
  return {
    adapter,
    partSize: 6 * 2 ** 20,
    digest: (key) => objectDigest(adapter, key),
    close: () => server.close(),
  }
})

async function fetchedDigest(url: string | undefined): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of (await fetch(url ?? '')).body ?? []) hash.update(chunk)
  return hash.digest('hex')
}

/** The sha-256 of an object, read back through the adapter. */
async function objectDigest(description: KillWorld['adapter'], key: string): Promise<string> {
  const file = await new Files({ adapter: await adapterOf(description) }).download(key)
  const hash = createHash('sha256')
  for await (const chunk of file.stream()) hash.update(chunk)
  return hash.digest('hex')
}

const quiet = { signal: new AbortController().signal, touch: () => {} }

async function s3World(server: S3Server): Promise<KillWorld> {
  const { endpoint, credentials } = server
  const adapter = { name: 's3', bucket: 'killed', endpoint, credentials } as const
  await s3({ ...adapter }).raw.expect('making the bucket', { method: 'PUT' }, quiet)
  return {
    adapter,
    partSize: 5 * 2 ** 20,
    digest: (key) => objectDigest(adapter, key),
    close: () => server.close(),
  }
}

if (await hasCeph()) killTests('s3 on Ceph', async () => s3World(await startCeph()))
if (await hasSwift()) killTests('s3 on Swift', async () => s3World(await startSwift()))
if (hasAzurite()) {
  killTests('azure', async () => {
    const server = await startAzurite()
    const adapter = { name: 'azure', container: 'killed', connectionString: server.connectionString } as const
    await (await azure(adapter).raw()).create()
    return {
      adapter,
      partSize: 2 * 2 ** 20,
      digest: (key) => objectDigest(adapter, key),
      close: () => server.close(),
    }
  })
}
