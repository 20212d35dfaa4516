/** How PATCH is refused, chosen by what clients do then, and two writers on one URL. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StoreError } from '../../blobs/blob-store.ts'
import { DiskStore } from '../../blobs/disk/disk-store.ts'
import { type Catalog, CatalogError } from '../../catalog/catalog.ts'
import { openMemoryCatalog } from '../../catalog/sqlite/memory-catalog.ts'
import { type Faulty, faulty } from '../testing/faults.ts'
import { RawConnection } from '../testing/raw-connection.ts'
import {
  createUpload,
  head,
  offsetOf,
  patch,
  startTestServer,
  type TestServer,
} from '../testing/test-server.ts'

let server: TestServer
let catalog: Faulty<Catalog>
let blobs: Faulty<DiskStore>
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-refusals-'))
  catalog = faulty(openMemoryCatalog())
  blobs = faulty(new DiskStore({ folder, reserve: 0 }))
  const parts = { catalog: catalog.part, blobs: blobs.part }
  server = await startTestServer({ args: ['--idle-timeout', '1500ms'], parts })
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

/** A PATCH at offset 0 whose body is still to come. */
async function begin(url: string, length: number): Promise<RawConnection> {
  const connection = await RawConnection.open(server.port)
  return connection.write(
    `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
      `Content-Type: application/offset+octet-stream\r\nContent-Length: ${length}\r\n\r\n`,
  )
}

describe('Refusals on PATCH', () => {
  test('a silent client is closed on without an answer, its bytes kept: 408 is never sent', async () => {
    const url = await createUpload(server, 100)
    const connection = (await begin(url, 100)).write('hello')
    await connection.closed()
    expect(connection.pending).toBe('')
    expect(await offsetOf(url)).toBe(5)
  })

  test('a full disk is 507 with Retry-After, and what was written stays', async () => {
    const url = await createUpload(server, 10)
    await patch(url, 0, 'hello')
    blobs.faults.set('openWriter', async (next) => {
      const writer = faulty((await next()) as Awaited<ReturnType<DiskStore['openWriter']>>)
      writer.faults.set('write', () => Promise.reject(new StoreError('no-space', 'ENOSPC')))
      return writer.part
    })
    const reply = await patch(url, 5, 'world')
    blobs.faults.clear()
    expect([reply.status, reply.headers['retry-after']]).toEqual([507, '1'])
    expect(await offsetOf(url)).toBe(5)
    expect((await patch(url, 5, 'world')).status).toBe(204)
  })

  test('an outage is 503 with Retry-After, and says nothing of the inside', async () => {
    const url = await createUpload(server, 10)
    catalog.faults.set('findUpload', () => {
      throw new CatalogError('unavailable', 'SQLITE_BUSY at /secret/path')
    })
    const reply = await patch(url, 0, 'hello')
    catalog.faults.clear()
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
    expect(reply.text).not.toMatch(/SQLITE|secret/)
    expect(await offsetOf(url)).toBe(0)
  })
})

describe('Two writers on one URL', () => {
  test('a living one stays, and the other gets 409 with Upload-Offset and Retry-After', async () => {
    const url = await createUpload(server, 100)
    const first = (await begin(url, 10)).write('he')
    await sleep(100)
    const second = patch(url, 2, 'x')
    for (const byte of 'llo wo') {
      await sleep(50)
      first.write(byte)
    }
    const refused = await second
    expect(refused.status).toBe(409)
    expect(refused.headers['retry-after']).toBe('1')
    expect(Number(refused.headers['upload-offset'])).toBeGreaterThanOrEqual(2)
    first.write('rld'.slice(0, 2))
    expect(await first.reply()).toMatchObject({ status: 204, headers: { 'upload-offset': '10' } })
    first.destroy()
  })

  test('a silent one is ended after half a second without an answer, and the newcomer goes on', async () => {
    const url = await createUpload(server, 10)
    const first = (await begin(url, 10)).write('hello')
    await sleep(100)
    const began = Date.now()
    const reply = await patch(url, 5, 'world')
    expect(reply.status).toBe(204)
    expect(Date.now() - began).toBeLessThan(1000)
    await first.closed()
    expect(first.pending).toBe('')
  })

  test('HEAD ends a silent one and leaves a living one alone', async () => {
    const url = await createUpload(server, 100)
    const writer = (await begin(url, 20)).write('hello')
    await sleep(100)
    const looking = head(url)
    for (let i = 0; i < 6; i += 1) {
      await sleep(50)
      writer.write('x')
    }
    expect((await looking).status).toBe(200)
    expect(writer.over).toBe(false)
    await sleep(50)
    expect((await head(url)).headers['upload-offset']).toBe('11')
    await writer.closed()
    expect(writer.pending).toBe('')
  })
})
