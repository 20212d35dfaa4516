import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import { collect, sampleBytes } from '../blobs/sample-bytes.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import type { AppendRequest } from './append.ts'
import { sampleEngine, storedUpload } from './sample-engine.ts'
import type { UploadRecord } from './upload.ts'
import { uploadsOver } from './uploads.ts'

const BYTES = sampleBytes(100)
const FAR = 1e12

/** An upload of 100 bytes of which 40 are there. */
async function begun(given: Partial<UploadRecord> = {}) {
  const engine = sampleEngine(openMemoryCatalog(), new MemoryStore())
  const upload = await storedUpload(engine, BYTES.subarray(0, 40), { length: 100, expiresAt: FAR, ...given })
  const uploads = uploadsOver(engine)
  const append = (body: Readable | Buffer[], request: Partial<AppendRequest> = {}) =>
    uploads.append(upload.id, () => true, {
      offset: 40,
      declared: undefined,
      length: undefined,
      ends: 'at-length',
      checksum: undefined,
      open: () => (body instanceof Readable ? body : Readable.from(body)),
      signal: new AbortController().signal,
      ...request,
    })
  const look = () => uploads.inspect(upload.id, () => true)
  const stored = async () => {
    const length = (await engine.blobs.inspect(upload.segment))?.length ?? 0
    return collect(engine.blobs.read(upload.segment, 0, length))
  }
  return { engine, upload, append, look, stored }
}

function sha256(bytes: Uint8Array) {
  const digest = createHash('sha256').update(bytes).digest('hex')
  return () => ({ algorithm: 'sha-256' as const, digest })
}

test('a body of no declared length that goes past the end is taken back to where it began', async () => {
  const { append, look, stored } = await begun()
  const tooLong = [BYTES.subarray(40, 70), BYTES.subarray(70, 100), Buffer.from('!')]
  await expect(append(tooLong)).rejects.toMatchObject({ code: 'past-end' })
  expect(await look()).toMatchObject({ kind: 'open', offset: 40 })
  expect(await stored()).toEqual(BYTES.subarray(0, 40))
})

test('a declared length past the end is refused before the body is opened', async () => {
  const { append, stored } = await begun()
  const open = () => {
    throw new Error('the body was opened')
  }
  await expect(append([], { declared: 61, open })).rejects.toMatchObject({ code: 'past-end' })
  expect(await stored()).toEqual(BYTES.subarray(0, 40))
})

test('a body with another checksum than its own leaves nothing, and the right one counts', async () => {
  const { append, look, stored } = await begun()
  const part = BYTES.subarray(40, 60)
  await expect(append([part], { checksum: sha256(BYTES) })).rejects.toMatchObject({
    code: 'checksum-mismatch',
  })
  expect(await stored()).toEqual(BYTES.subarray(0, 40))
  expect(await append([part], { checksum: sha256(part) })).toMatchObject({ kind: 'appended', offset: 60 })
  expect(await look()).toMatchObject({ offset: 60 })
})

test('bytes of a checksummed body are not shown before its end', async () => {
  const { append, engine, look, upload } = await begun()
  const body = new Readable({ read() {} })
  const part = BYTES.subarray(40, 60)
  const appending = append(body, { checksum: sha256(part) })
  body.push(part.subarray(0, 10))
  await sleep(20)
  expect((await engine.blobs.inspect(upload.segment))?.length).toBe(50)
  const looking = look()
  await sleep(20)
  body.push(part.subarray(10))
  expect(await looking).toMatchObject({ offset: 40 })
  body.push(null)
  expect(await appending).toMatchObject({ offset: 60 })
})

test('a look that waited for a writer shows what that writer was told, never less', async () => {
  const { append, look } = await begun()
  const body = new Readable({ read() {} })
  const part = BYTES.subarray(40, 60)
  const appending = append(body, { checksum: sha256(part) })
  body.push(part)
  await sleep(20)
  const looking = look()
  await sleep(20)
  body.push(null)
  expect(await appending).toMatchObject({ offset: 60 })
  expect(await looking).toMatchObject({ offset: 60 })
})

test('a look that waited for the writer of a length and of the last byte shows the object', async () => {
  const { append, look } = await begun({ length: undefined })
  const body = new Readable({ read() {} })
  const appending = append(body, { length: 100 })
  await sleep(20)
  const looking = look()
  await sleep(20)
  body.push(BYTES.subarray(40))
  body.push(null)
  expect(await appending).toMatchObject({ kind: 'finished', offset: 100 })
  expect(await looking).toMatchObject({ offset: expect.any(Number) })
  expect(await look()).toMatchObject({ kind: 'finished', offset: 100 })
})

test('a repeat of the last request gets the stored answer, another offset does not', async () => {
  const { append } = await begun()
  const first = await append([BYTES.subarray(40)], { declared: 60 })
  const repeated = await append([], { offset: 100, declared: 0 })
  expect(first).toMatchObject({ kind: 'finished' })
  expect('finished' in first && first.finished).toMatchObject('finished' in repeated ? repeated.finished : {})
  await expect(append([], { offset: 40, declared: 0 })).rejects.toMatchObject({
    code: 'offset-mismatch',
    offset: 100,
  })
})
