import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { StoreError } from '../../blobs/blob-store.ts'
import { DiskStore } from '../../blobs/disk/disk-store.ts'
import { type Catalog, CatalogError } from '../../catalog/catalog.ts'
import { openMemoryCatalog } from '../../catalog/sqlite/memory-catalog.ts'
import { send } from '../testing/client.ts'
import { type Faulty, faulty } from '../testing/faults.ts'
import { RawConnection } from '../testing/raw-connection.ts'
import {
  createObject,
  createUpload,
  head,
  metadataHeader,
  patch,
  startTestServer,
  type TestServer,
} from '../testing/test-server.ts'

let server: TestServer
let catalog: Faulty<Catalog>
let blobs: Faulty<DiskStore>
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-head-'))
  catalog = faulty(openMemoryCatalog())
  blobs = faulty(new DiskStore({ folder, reserve: 0 }))
  server = await startTestServer({ parts: { catalog: catalog.part, blobs: blobs.part } })
})
afterEach(() => {
  catalog.faults.clear()
  blobs.faults.clear()
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

const outage = (): never => {
  throw new CatalogError('unavailable', 'the catalog is out of reach')
}
const storeOutage = (): never => {
  throw new StoreError('unavailable', 'the store is out of reach')
}

describe('HEAD of an upload under way', () => {
  test('shows offset, length, metadata and expiry, and is never stored', async () => {
    const metadata = metadataHeader({ filename: 'a' })
    const url = await createUpload(server, 10, { 'Upload-Metadata': metadata })
    await patch(url, 0, 'hello')
    const { status, headers, text } = await head(url)
    expect([status, text]).toEqual([200, ''])
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'upload-offset': '5',
      'upload-length': '10',
      'upload-metadata': metadata,
      'upload-expires': expect.stringMatching(/ GMT$/) as string,
    })
    expect(headers['upload-defer-length']).toBeUndefined()
    expect(headers['tus-complete']).toBeUndefined()
  })

  test('shows Upload-Defer-Length instead of a length that is not known', async () => {
    const { headers } = await head(await createUpload(server, undefined))
    expect(headers).toMatchObject({ 'upload-offset': '0', 'upload-defer-length': '1' })
    expect(headers['upload-length']).toBeUndefined()
  })

  test('of a partial upload shows Upload-Concat', async () => {
    const { headers } = await head(await createUpload(server, 5, { 'Upload-Concat': 'partial' }))
    expect(headers['upload-concat']).toBe('partial')
  })
})

describe('HEAD of a completed upload', () => {
  test('shows the whole length and the object', async () => {
    const { status, headers } = await head(await createObject(server, 'hello'))
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'upload-offset': '5',
      'upload-length': '5',
      'tus-complete': '1',
    })
  })
})

describe('HEAD of an upload that exists is 200, or 423 with Retry-After, and nothing else', () => {
  const waits = async (url: string): Promise<void> => {
    const { status, headers } = await head(url)
    expect(status).toBe(423)
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect(headers['upload-offset']).toBeUndefined()
    expect(headers['access-control-allow-origin']).toBe('*')
  }

  test('during an outage of the catalog', async () => {
    const url = await createUpload(server, 5)
    catalog.faults.set('findUpload', outage)
    await waits(url)
    catalog.faults.clear()
    expect((await head(url)).status).toBe(200)
  })

  test('during an outage of the blob store', async () => {
    const url = await createUpload(server, 5)
    blobs.faults.set('inspect', storeOutage)
    await waits(url)
  })

  test('when something fails that nobody thought of', async () => {
    const url = await createUpload(server, 5)
    catalog.faults.set('findUpload', () => {
      throw new TypeError('a mistake of ours')
    })
    const reply = await head(url)
    expect(reply.status).toBe(423)
    const other = await patch(url, 0, 'hello')
    expect(other.status).toBe(500)
    expect(other.text).not.toContain('mistake of ours')
  })

  test('while publishing cannot be done: it never shows all bytes before the object is there', async () => {
    const url = await createUpload(server, 5)
    catalog.faults.set('publish', outage)
    const sent = await patch(url, 0, 'hello')
    expect([sent.status, sent.headers['retry-after']]).toEqual([503, '1'])
    await waits(url)
    expect((await send(url, 'GET')).status).toBeGreaterThanOrEqual(400)
    catalog.faults.clear()
    expect((await head(url)).headers).toMatchObject({ 'upload-offset': '5', 'tus-complete': '1' })
    expect((await send(url, 'GET')).text).toBe('hello')
  })

  test('while finishing it waits for the object', async () => {
    const url = await createUpload(server, 5)
    catalog.faults.set('publish', async (next) => {
      await new Promise((resolve) => setTimeout(resolve, 400))
      return next()
    })
    const sent = patch(url, 0, 'hello')
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect((await head(url)).headers).toMatchObject({ 'upload-offset': '5', 'tus-complete': '1' })
    expect((await sent).status).toBe(204)
  })

  test('while finishing it waits ten seconds, then says 423', async () => {
    const url = await createUpload(server, 5)
    const gate = Promise.withResolvers<void>()
    catalog.faults.set('publish', async (next) => {
      await gate.promise
      return next()
    })
    const sent = patch(url, 0, 'hello')
    await new Promise((resolve) => setTimeout(resolve, 100))
    const began = Date.now()
    await waits(url)
    expect(Date.now() - began).toBeGreaterThan(9000)
    gate.resolve()
    expect((await sent).status).toBe(204)
  })

  test('while the server shuts down', async () => {
    const closing = await startTestServer()
    const url = new URL(await createUpload(closing, 5))
    const connection = await RawConnection.open(closing.port)
    const look = `HEAD ${url.pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n\r\n`
    connection.write(look.slice(0, 20))
    await new Promise((resolve) => setTimeout(resolve, 100))
    const closed = closing.close()
    connection.write(look.slice(20))
    const reply = await connection.reply({ toHead: true })
    expect([200, 423]).toContain(reply?.status)
    connection.destroy()
    await closed
  })
})

describe('Unknown ids', () => {
  test.each(['0'.repeat(32), 'x', '0'.repeat(31), 'A'.repeat(32), '%00', '0'.repeat(5000)])(
    'are 404 and nothing tells them apart: %.40s',
    async (id) => {
      const { status, headers } = await head(`${server.url}/files/${id}`)
      expect(status).toBe(404)
      const upload = Object.keys(headers).filter((name) => /^upload-|^retry|^etag|^pawl/.test(name))
      expect(upload).toEqual([])
    },
  )
})
