import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ContainerClient, ContainerSASPermissions } from '@azure/storage-blob'
import { Refused, type Reply } from '@pawl/emulators/listen'
import { tokens } from '@pawl/emulators/tokens'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { wireOf } from '../../../test/faults.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { type Azurite, hasAzurite, startAzurite } from '../../../test/servers/azurite.ts'
import { startFront } from '../../../test/servers/front.ts'
import { UploadControl } from '../../control.ts'
import { FilesError } from '../../errors.ts'
import { Files } from '../../files.ts'
import { azure } from './azure.ts'
import { blockName, blockNumber, newPrefix } from './blocks.ts'

const MIB = 2 ** 20

async function worldOf({ connectionString }: Azurite, container: string): Promise<World> {
  const adapter = () => azure({ container, connectionString })
  const client = await adapter().raw()
  await client.createIfNotExists()
  const signal = new AbortController().signal
  return {
    adapter,
    read: async (key) => {
      try {
        const file = await adapter().download?.(key, undefined, { signal })
        return file && new Uint8Array(await file.arrayBuffer())
      } catch (error) {
        if (error instanceof FilesError && error.code === 'NotFound') return undefined
        throw error
      }
    },
    openSessions: async () => {
      let count = 0
      for await (const { name } of client.listBlobsFlat({ includeUncommitedBlobs: true })) {
        const { uncommittedBlocks = [] } = await client.getBlockBlobClient(name).getBlockList('uncommitted')
        if (uncommittedBlocks.length > 0) count++
      }
      return count
    },
    partSize: MIB,
  }
}

/** Behind a road with faults, and URLs whose permission can be taken back. */
async function onARoad(server: Azurite): Promise<EmulatedWorld> {
  const { connectionString } = server
  const container = 'road'
  const world = await worldOf(server, container)
  const owner = new ContainerClient(connectionString, container)
  const accepted = tokens()
  const front = await startFront(new URL(owner.url).origin, {
    callOf: ({ method, url }) => {
      const { comp } = Object.fromEntries(url.searchParams)
      if (method === 'PUT') return comp === 'block' ? 'send' : comp === 'blocklist' ? 'finish' : 'other'
      if (method === 'DELETE') return 'discard'
      return comp === 'blocklist' ? 'probe' : 'other'
    },
    refusal: (status) => refusal(status, status === 503 ? 'ServerBusy' : 'InternalError'),
    rules: ({ url }) => {
      if (url.searchParams.get('token') !== accepted.current)
        throw new Refused(refusal(403, 'AuthenticationFailed'))
      return { path: url.pathname + url.search.replace(/[?&]token=[^&]*/, '') }
    },
  })
  const permissions = ContainerSASPermissions.parse('racwdl')
  return {
    ...world,
    emulator: front,
    adapter: () =>
      azure({
        container,
        url: async () => {
          const sas = new URL(
            await owner.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + 3_600_000) }),
          )
          sas.searchParams.set('token', accepted.current)
          return `${front.endpoint}${sas.pathname}${sas.search}`
        },
      }),
    expireCredential: () => accepted.expire(),
    expireSessions: () => {},
    sessionless: true,
    unproved: true,
    // Bodies of a few parts are too large for one request.
    partSize: 2 * MIB,
    close: front.close,
  }
}

function refusal(status: number, code: string): Reply {
  return {
    status,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': code },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>not now</Message></Error>`,
  }
}

it('names blocks with one length and knows only its own', () => {
  const [ours, theirs] = [newPrefix(), newPrefix()]
  expect(blockName(ours, 1).length).toBe(blockName(theirs, 50_000).length)
  expect(blockNumber(ours, blockName(ours, 50_000))).toBe(50_000)
  expect(blockNumber(ours, blockName(theirs, 1))).toBeUndefined()
  expect(blockNumber(ours, 'bm90aGluZw==')).toBeUndefined()
})

describe.runIf(hasAzurite())('azure on Azurite', () => {
  let server: Azurite
  beforeAll(async () => {
    server = await startAzurite()
  }, 60_000)
  afterAll(() => server?.close())
  scenarios('azure', () => worldOf(server, 'scenarios'))
  operations('azure', () => worldOf(server, 'operations'))
  providerFaults('azure on a bad road', () => onARoad(server))

  it('keeps two uploads to one blob apart', async () => {
    const world = await worldOf(server, 'apart')
    const files = new Files({ adapter: world.adapter() })
    const [one, two] = [randomBytes(7 * MIB, 1), randomBytes(7 * MIB, 2)]
    const control = new UploadControl()
    const stop = new AbortController()
    const multipart = { partSize: MIB, concurrency: 1 }
    await files
      .upload('a', one, {
        control,
        multipart,
        signal: stop.signal,
        onProgress: ({ loaded }) => loaded > 2 * MIB && stop.abort(),
      })
      .catch(() => {})
    await files.upload('a', two, { multipart })
    expect(same(await world.read('a', undefined), two)).toBe(true)
    await files.upload('a', one, { control: UploadControl.from(JSON.stringify(control)), multipart })
    expect(same(await world.read('a', undefined), one)).toBe(true)
  })

  it('knows its own blob when the answer to a conditional upload was lost', async () => {
    const world = await worldOf(server, 'conditional')
    const wire = wireOf(world.adapter())
    wire.fault = (name, index) => (name === 'complete' && index === 0 ? 'answer lost' : undefined)
    const create = { condition: { type: 'create' } } as const
    const files = new Files({ adapter: wire.adapter, retries: { max: 2, backoff: () => 1 } })
    await files.upload('a', 'mine', create)
    await files.upload('empty', '', create)
    for (const key of ['a', 'empty']) {
      await expect(files.upload(key, 'theirs', create)).rejects.toMatchObject({ code: 'Conflict' })
      await expect(files.upload(key, '', create)).rejects.toMatchObject({ code: 'Conflict' })
    }
    expect(await (await files.download('a')).text()).toBe('mine')
  })

  it('refuses a key with a backslash, which would be the blob of another key', async () => {
    const world = await worldOf(server, 'backslash')
    const files = new Files({ adapter: world.adapter() })
    await files.upload('a/b', 'mine')
    for (const act of [
      () => files.upload('a\\b', 'other'),
      () => files.upload('a\\b', randomBytes(6 * MIB)),
      () => files.download('a\\b'),
      () => files.delete('a\\b'),
    ])
      await expect(act()).rejects.toMatchObject({ code: 'InvalidKey' })
    expect(await (await files.download('a/b')).text()).toBe('mine')
  })

  it.each([1, 6 * MIB])('keeps metadata that no header can carry, of %d bytes', async (size) => {
    const files = new Files({ adapter: (await worldOf(server, 'metadata')).adapter(), retries: 0 })
    const metadata = { name: 'Größe 日本', spaced: ' a  b ', lines: 'a\nb', percent: '100%25' }
    await files.upload('a', randomBytes(size), { metadata })
    expect((await files.head('a')).metadata).toEqual(metadata)
    expect((await files.download('a')).metadata).toEqual(metadata)
  })

  it('asks again for a URL that could not be had for the moment', async () => {
    await worldOf(server, 'flaky')
    const client = new ContainerClient(server.connectionString, 'flaky')
    const permissions = ContainerSASPermissions.parse('racwdl')
    let asked = 0
    const url = async () => {
      if (++asked < 3) throw new Error('the backend did not answer')
      return client.generateSasUrl({ permissions, expiresOn: new Date(Date.now() + 3_600_000) })
    }
    const adapter = azure({ container: 'flaky', url })
    await new Files({ adapter, retries: { max: 2, backoff: () => 1 } }).upload('a', 'content')
    expect(asked).toBe(3)
  })

  it.each([1, 17])(
    'has the service check the MD5 of each block of %d MiB, and sends a damaged one again',
    async (mebibytes) => {
      const world = await worldOf(server, 'md5')
      const way = await startDamage(
        new URL(/BlobEndpoint=([^;]+)/.exec(server.connectionString)?.[1] ?? '').origin,
      )
      const connectionString = server.connectionString.replace(/127\.0\.0\.1:\d+/, new URL(way.origin).host)
      const adapter = azure({ container: 'md5', connectionString })
      const body = randomBytes(2 * mebibytes * MIB + 6 * MIB)
      const retried: string[] = []
      const files = new Files({
        adapter,
        retries: { max: 2, backoff: () => 1 },
        hooks: { onRetry: ({ error }) => retried.push(error.message) },
      })
      await files.upload('a', body, { multipart: { partSize: mebibytes * MIB, concurrency: 1 } })
      await way.close()
      expect(retried).toEqual([expect.stringMatching(/MD5/i)])
      expect(same(await world.read('a', undefined), body)).toBe(true)
    },
  )
})

/** A way to a server on which the first block loses a bit. */
async function startDamage(target: string): Promise<{ origin: string; close(): Promise<void> }> {
  let left = 1
  const way = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    if (incoming.url?.includes('comp=block&') && left-- > 0) body[100] = (body[100] ?? 0) ^ 1
    const { method, headers } = incoming
    const outgoing = request(target + incoming.url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    outgoing.end(body)
  })
  await new Promise<void>((resolve) => way.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(way.address() as AddressInfo).port}`,
    close: async () => {
      way.closeAllConnections()
      await new Promise((resolve) => way.close(resolve))
    },
  }
}
