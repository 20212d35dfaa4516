/** What becomes of files after their answer, and of what nobody finalizes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { StoreError } from '../../blobs/blob-store.ts'
import { DiskStore } from '../../blobs/disk/disk-store.ts'
import type { PawlEvent } from '../../events/event.ts'
import { SECRET, startReceiver } from '../../events/testing/receiver.ts'
import { MEDIA_BUCKET } from '../../media/media-file.ts'
import { samples, zip } from '../../media/testing/samples.ts'
import { send } from '../testing/client.ts'
import { faulty } from '../testing/faults.ts'
import { createMedia, type MediaServer, startMediaServer, type WireFile } from '../testing/media.ts'
import { patch, type TestServerOptions } from '../testing/test-server.ts'

const ended: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})
async function start(options: TestServerOptions = {}): Promise<MediaServer> {
  const server = await startMediaServer(options)
  ended.push(() => server.close())
  return server
}

describe('an event', () => {
  test('tells that a file is READY, or why it FAILED, with what was given for it', async () => {
    const receiver = await startReceiver()
    ended.push(() => receiver.close())
    const server = await start({ args: ['--webhook-url', receiver.url, '--webhook-secret', SECRET] })
    const live: PawlEvent[] = []
    server.server.events.on('media.ready', (event) => live.push(event))
    server.server.events.on('media.failed', (event) => live.push(event))
    const externalInfo = { origin: 'shop', externalIds: ['7'] }
    const [jpeg] = await samples()
    const good = await server.upload('a.jpg', 'image/jpeg', jpeg?.bytes ?? Buffer.alloc(0), { externalInfo })
    const cut = jpeg?.bytes.subarray(0, 100) ?? Buffer.alloc(0)
    const bad = await server.upload('b.jpg', 'image/jpeg', cut, { externalInfo })
    await server.settled(bad.id)
    const told = () =>
      receiver.received.map(({ event }) => event).filter(({ type }) => type.startsWith('media.'))
    await expect.poll(() => told().length, { timeout: 20_000 }).toBe(2)
    // By whatever way, the same.
    expect(new Set(live.map(({ id }) => id))).toEqual(new Set(told().map(({ id }) => id)))
    expect(live).toMatchObject([
      {
        type: 'media.ready',
        data: {
          ...{ bucket: MEDIA_BUCKET, key: good.id, type: 'image/jpeg', externalInfo },
          file: {
            id: good.id,
            operationStatus: 'READY',
            hash: good.hash,
            url: `/site-media/v1/media/${good.id}`,
          },
        },
      },
      {
        type: 'media.failed',
        data: {
          key: bad.id,
          externalInfo,
          file: { operationStatus: 'FAILED' },
          error: { code: 'DAMAGED_FILE' },
        },
      },
    ])
  })
})

describe('hostile files', () => {
  test('end as FAILED one after the other, are served to nobody, and the server serves on', async () => {
    const server = await start()
    const zeros = Buffer.alloc(1024 * 1024)
    const [jpeg] = await samples()
    const film = (await samples()).find(({ mediaType }) => mediaType === 'VIDEO')?.bytes ?? zeros
    const bomb = '<!DOCTYPE svg [<!ENTITY a "&b;&b;"><!ENTITY b "&a;&a;">]><svg>&a;</svg>'
    const hostile: [string, Buffer][] = [
      ['application/zip', zip([{ name: 'a', content: zeros, claims: 4e9 }])],
      ['image/svg+xml', Buffer.from(bomb)],
      ['video/mp4', film.subarray(0, 3000)],
      ['image/jpeg', jpeg?.bytes.subarray(0, 200) ?? zeros],
    ]
    for (const [type, bytes] of hostile) {
      const file = await server.settled((await server.upload('x', type, bytes)).id)
      expect([type, file.operationStatus]).toEqual([type, 'FAILED'])
      expect(file.error?.description).not.toBe('')
      expect((await send(file.url, 'GET')).status).toBe(404)
    }
    expect((await server.upload('y.jpg', 'image/jpeg', jpeg?.bytes ?? zeros)).operationStatus).toBe('READY')
  })
})

test('a file whose bytes cannot be read now stays PENDING, and is READY when they can', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-media-'))
  const blobs = faulty(new DiskStore({ folder, reserve: 0 }))
  const server = await start({ parts: { blobs: blobs.part } })
  ended.unshift(() => rm(folder, { recursive: true }))
  blobs.faults.set('read', () => {
    throw new StoreError('unavailable', 'the store is out of reach')
  })
  const file = await server.upload('a.txt', 'text/plain', Buffer.from('hello'))
  expect(file.operationStatus).toBe('PENDING')
  blobs.faults.clear()
  expect((await server.settled(file.id)).operationStatus).toBe('READY')
})

test('what is not finalized is gone when its time is over, token and bytes', async () => {
  const server = await start({ args: ['--upload-ttl', '1s'] })
  const [left, kept] = [
    await server.token({ mimeType: 'text/plain' }),
    await server.token({ mimeType: 'text/plain' }),
  ]
  for (const token of [left, kept]) {
    expect((await patch(await createMedia(server.base, { token }, 5), 0, 'hello')).status).toBe(204)
  }
  const finalize = (token: string) => send(`${server.base}/uploads/${token}`, 'PUT')
  const { file } = JSON.parse((await finalize(kept)).text) as { file: WireFile }
  const headers = { Authorization: `Bearer ${server.service}` }
  const listed = async () => {
    const path = `${server.url}/storage/v1/object/list/${MEDIA_BUCKET}`
    const body = JSON.stringify({ prefix: '' })
    return JSON.parse(
      (await send(path, 'POST', { ...headers, 'Content-Type': 'application/json' }, body)).text,
    ) as unknown[]
  }
  await expect.poll(async () => (await listed()).length, { timeout: 15_000 }).toBe(1)
  expect((await finalize(left)).status).toBe(404)
  expect((await send(file.url, 'GET')).text).toBe('hello')
}, 30_000)

test('every URL begins with the public one, where there is one', async () => {
  const server = await start({ args: ['--public-url', 'https://media.example/pawl'] })
  const prefix = 'https://media.example/pawl/site-media/v1'
  const { uploadUrl } = await server.files.generateFileResumableUploadUrl('text/plain')
  expect(uploadUrl).toBe(`${prefix}/uploads`)
  const plain = (await server.files.generateFileUploadUrl('text/plain')).uploadUrl ?? ''
  expect(plain.startsWith(`${prefix}/plain-uploads/`)).toBe(true)
  const put = await send(plain.replace('https://media.example/pawl', server.url), 'PUT', {}, 'hello')
  const { file } = JSON.parse(put.text) as { file: WireFile }
  expect(file.url).toBe(`${prefix}/media/${file.id}`)
})
