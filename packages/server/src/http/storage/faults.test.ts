/** What a client of the storage face meets when the catalog or the disk does not answer, or its own time is over. */

import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StoreError } from '../../blobs/blob-store.ts'
import { DiskStore } from '../../blobs/disk/disk-store.ts'
import { type Catalog, CatalogError } from '../../catalog/catalog.ts'
import { openMemoryCatalog } from '../../catalog/sqlite/memory-catalog.ts'
import { send } from '../testing/client.ts'
import { type Faulty, faulty } from '../testing/faults.ts'
import { ok, type StorageServer, startStorage } from '../testing/storage.ts'
import { CHUNK, metadataHeader, patch, TUS } from '../testing/test-server.ts'

const INSIDE = 'SELECT secret FROM /var/lib/inside at engine.ts:12'
const catalogFault = (): never => {
  throw new CatalogError('unavailable', INSIDE)
}

let folder: string
let catalog: Faulty<Catalog>
let blobs: Faulty<DiskStore>
let server: StorageServer

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-storage-faults-'))
  catalog = faulty(openMemoryCatalog())
  blobs = faulty(new DiskStore({ folder, reserve: 0 }))
  server = await startStorage({
    parts: { catalog: catalog.part, blobs: blobs.part },
    args: ['--upload-ttl', '1s'],
  })
  await ok(server.admin.createBucket('open'))
  await ok(server.admin.from('open').upload('there', 'bytes'))
})
afterEach(async () => {
  catalog.faults.clear()
  blobs.faults.clear()
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

const auth = () => ({ Authorization: `Bearer ${server.service}` })

async function create(name: string, length: number): Promise<string> {
  const reply = await send(`${server.base}/upload/resumable`, 'POST', {
    ...TUS,
    ...auth(),
    'Upload-Length': String(length),
    'Upload-Metadata': metadataHeader({ bucketName: 'open', objectName: name }),
  })
  expect(reply.status).toBe(201)
  return new URL(reply.headers.location ?? '', server.url).href
}

describe('a catalog that does not answer', () => {
  test.each([
    ['GET', '/bucket', undefined],
    ['GET', '/bucket/open', undefined],
    ['POST', '/bucket', { id: 'x', name: 'x' }],
    ['POST', '/bucket/open/empty', {}],
    ['DELETE', '/bucket/open', undefined],
    ['GET', '/object/open/there', undefined],
    ['GET', '/object/info/open/there', undefined],
    ['DELETE', '/object/open/there', undefined],
    ['DELETE', '/object/open', { prefixes: ['there'] }],
    ['POST', '/object/list/open', { prefix: '' }],
    ['POST', '/object/list-v2/open', {}],
    ['POST', '/object/sign/open/there', { expiresIn: 60 }],
    ['POST', '/object/copy', { bucketId: 'open', sourceKey: 'there', destinationKey: 'here' }],
    ['POST', '/object/move', { bucketId: 'open', sourceKey: 'there', destinationKey: 'here' }],
  ] as const)('%s %s: an error in JSON that says nothing of the inside', async (method, path, body) => {
    for (const name of Object.keys(catalog.part) as (keyof Catalog)[]) {
      if (name !== 'close') catalog.faults.set(name, catalogFault)
    }
    const json = body === undefined ? undefined : JSON.stringify(body)
    const type = json === undefined ? {} : { 'Content-Type': 'application/json' }
    const reply = await send(`${server.base}${path}`, method, { ...auth(), ...type }, json)
    expect(reply.status).toBeGreaterThanOrEqual(400)
    expect(reply.headers['content-type']).toContain('application/json')
    expect(JSON.parse(reply.text)).toMatchObject({
      statusCode: expect.any(String),
      message: expect.any(String),
    })
    for (const inside of ['SELECT', 'engine.ts', '/var', folder, server.dataDir]) {
      expect(reply.text).not.toContain(inside)
    }
    // It was an outage and no more.
    catalog.faults.clear()
    expect(await (await ok(server.admin.from('open').download('there'))).text()).toBe('bytes')
  })

  test('database error at the end: bytes are kept, the answer is 503, and the repeat finishes', async () => {
    const url = await create('late', 5)
    catalog.faults.set('publish', catalogFault)
    const refused = await patch(url, 0, 'hello', auth())
    expect(refused.status).toBe(503)
    expect(refused.headers['retry-after']).toBeDefined()
    expect(refused.headers['content-type']).toContain('application/json')
    expect(refused.text).not.toContain('SELECT')
    // The most used client starts from zero after anything else.
    expect((await send(url, 'HEAD', { ...TUS, ...auth() })).status).toBe(423)
    catalog.faults.clear()
    expect((await patch(url, 5, '', auth())).status).toBe(204)
    expect(await (await ok(server.admin.from('open').download('late'))).text()).toBe('hello')
  })
})

test('HEAD while finishing, overloaded, shutting down: 423 where a disk does not answer, and the upload goes on', async () => {
  const url = await create('disk', 5)
  const away = (): never => {
    throw new StoreError('unavailable', INSIDE)
  }
  blobs.faults.set('inspect', away)
  blobs.faults.set('openWriter', away)
  expect((await patch(url, 0, 'hello', auth())).status).toBe(503)
  expect((await send(url, 'HEAD', { ...TUS, ...auth() })).status).toBe(423)
  blobs.faults.clear()
  expect((await patch(url, 0, 'hello', auth())).status).toBe(204)
})

test('connection lost after the last byte: the object is there all the same', async () => {
  const url = await create('lost', 5)
  const gate = Promise.withResolvers<void>()
  const syncing = Promise.withResolvers<void>()
  blobs.faults.set('sync', async (next) => {
    syncing.resolve()
    await gate.promise
    return next()
  })
  const socket = connect(server.port, '127.0.0.1')
  const head = { ...CHUNK, ...auth(), Host: 'localhost', 'Upload-Offset': '0', 'Content-Length': '5' }
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`PATCH ${new URL(url).pathname} HTTP/1.1\r\n${lines.join('')}\r\nhello`)
  await syncing.promise
  socket.destroy()
  gate.resolve()
  await expect
    .poll(() => send(url, 'HEAD', { ...TUS, ...auth() }).then((reply) => reply.headers['upload-offset']))
    .toBe('5')
  expect(await (await ok(server.admin.from('open').download('lost'))).text()).toBe('hello')
})

test('expired: 410, in JSON', async () => {
  const url = await create('slow', 5)
  await expect
    .poll(() => send(url, 'HEAD', { ...TUS, ...auth() }).then((reply) => reply.status), { timeout: 5000 })
    .toBe(410)
  const reply = await patch(url, 0, 'hello', auth())
  expect(reply.status).toBe(410)
  expect(reply.headers['content-type']).toContain('application/json')
})
