import { createHash } from 'node:crypto'
import { getEventListeners, once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { blobStoreContract, fullStoreContract } from '../blob-store.contract.ts'
import { newSegmentId } from '../blob-store.ts'
import { all, collect, emptySegment, sampleBytes } from '../sample-bytes.ts'
import { DiskStore } from './disk-store.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-disk-'))
  cleanups.push(() => rm(folder, { recursive: true }))
  return folder
}

function storeIn(folder: string, options: { reserve?: number; boot?: string | undefined } = {}): DiskStore {
  const store = new DiskStore({ folder, reserve: 0, ...options })
  cleanups.push(() => store.close())
  return store
}

/** Pretends that the disk is as small as it is told, so that it can be full at an exact byte. */
class SmallDisk extends DiskStore {
  readonly #room: number

  constructor(folder: string, room: number) {
    super({ folder, reserve: 0 })
    this.#room = room
  }

  override async freeBytes(): Promise<number> {
    let used = 0
    for await (const segment of this.list()) used += (await this.inspect(segment))?.length ?? 0
    return this.#room - used
  }
}

describe('the store on disk', () => {
  blobStoreContract(async () => {
    const store = storeIn(await newFolder())
    await store.open()
    return store
  })
  fullStoreContract(async (room) => {
    const store = new SmallDisk(await newFolder(), room)
    cleanups.push(() => store.close())
    await store.open()
    return store
  })

  test('survives being closed and opened by another process’s eyes', async () => {
    const folder = await newFolder()
    const first = storeIn(folder)
    const { identity } = await first.open()
    const segment = newSegmentId()
    const writer = await first.openWriter(segment)
    await writer.write([sampleBytes(50)])
    const second = storeIn(folder)
    expect(await second.open()).toMatchObject({ identity, fresh: false })
    expect(await collect(second.read(segment, 0, 50))).toEqual(sampleBytes(50))
    await writer.close()
  })

  test('holds files that only their owner may read', async () => {
    const folder = await newFolder()
    const store = storeIn(join(folder, 'blobs'))
    await store.open()
    const segment = await emptySegment(store)
    const path = join(folder, 'blobs', 'segments', segment.slice(0, 2), segment)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder, 'blobs', 'segments'))).mode & 0o777).toBe(0o700)
  })

  test('passes over files in its folders that are no segments', async () => {
    const folder = await newFolder()
    const store = storeIn(folder)
    await store.open()
    await writeFile(join(folder, 'segments', 'ab', 'notes.txt'), 'mine')
    expect(await all(store.list())).toEqual([])
  })

  test('fails to read a segment that shrinks under the reader', async () => {
    const folder = await newFolder()
    const store = storeIn(folder)
    await store.open()
    const segment = newSegmentId()
    const writer = await store.openWriter(segment)
    await writer.write([sampleBytes(1_000_000)])
    await writer.close()
    const stream = store.read(segment, 0, 1_000_000)
    const reading = (async () => {
      for await (const _ of stream) {
        await truncate(join(folder, 'segments', segment.slice(0, 2), segment), 300_000)
      }
    })()
    await expect(reading).rejects.toMatchObject({ name: 'StoreError', code: 'damaged' })
  })

  test('stops a digest that nobody wants any more, and does the next', async () => {
    const store = storeIn(await newFolder())
    await store.open()
    const segment = newSegmentId()
    const writer = await store.openWriter(segment)
    await writer.write([sampleBytes(100)])
    await writer.close()
    const piece = { segment, length: 100 }
    const leaving = new AbortController()
    const running = store.digest([piece], ['md5'])
    const queued = store.digest([piece], ['md5'], leaving.signal)
    leaving.abort()
    await expect(queued).rejects.toBeDefined()
    expect(await running).toEqual(await store.digest([piece], ['md5']))
    await expect(store.digest([piece], ['md5'], AbortSignal.abort())).rejects.toBeDefined()
  })

  test('leaves nothing on a signal that outlives the digest', async () => {
    const store = storeIn(await newFolder())
    await store.open()
    const segment = await emptySegment(store)
    const { signal } = new AbortController()
    await store.digest([{ segment, length: 0 }], ['md5'], signal)
    await store.digest([{ segment, length: 1 }], ['md5'], signal).catch(() => {})
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('ends waiting digests when it is closed', async () => {
    const store = storeIn(await newFolder())
    await store.open()
    const segment = await emptySegment(store)
    const waiting = [
      store.digest([{ segment, length: 0 }], ['md5']),
      store.digest([{ segment, length: 0 }], ['md5']),
    ]
    const ended = Promise.allSettled(waiting)
    await store.close()
    for (const { status } of await ended) expect(status).toBe('rejected')
    await expect(store.digest([], ['md5'])).rejects.toMatchObject({ name: 'StoreError' })
  })
})

test('bytes that are too few to read on their own start no thread before their end', async () => {
  const store = storeIn(await newFolder())
  await store.open()
  const segment = newSegmentId()
  const writer = await store.openWriter(segment)
  const bytes = sampleBytes(5000)
  await writer.write([bytes])
  const before = await threadsSoFar()
  const given = store.follow(segment, 0, ['sha-256'])
  given.advance(5000)
  given.cancel()
  await expect(given.finish(5000)).rejects.toMatchObject({ code: 'unavailable' })
  const following = store.follow(segment, 0, ['sha-256'])
  following.advance(5000)
  expect(await threadsSoFar()).toBe(before + 1)
  expect(await following.finish(5000)).toEqual({
    'sha-256': createHash('sha256').update(bytes).digest('hex'),
  })
  expect(await threadsSoFar()).toBe(before + 3)
  await writer.close()
})

/** One more with each look: it is the number of a thread that is made for it. */
async function threadsSoFar(): Promise<number> {
  const probe = new Worker('', { eval: true })
  const { threadId } = probe
  await once(probe, 'exit')
  return threadId
}

describe('the boot a store was last put in order in', () => {
  test('is the same: lengths count, but only after trust was recorded once', async () => {
    const folder = await newFolder()
    expect(await storeIn(folder, { boot: 'a' }).open()).toMatchObject({ fresh: true, trusted: true })
    // Died before `trust`: nobody knows in which boot bytes were written.
    expect(await storeIn(folder, { boot: 'a' }).open()).toMatchObject({ fresh: false, trusted: false })
    const store = storeIn(folder, { boot: 'a' })
    const { identity } = await store.open()
    await store.trust()
    expect(await storeIn(folder, { boot: 'a' }).open()).toEqual({ identity, fresh: false, trusted: true })
  })

  test('is another: lengths do not count until trust is recorded', async () => {
    const folder = await newFolder()
    const before = storeIn(folder, { boot: 'a' })
    const { identity } = await before.open()
    await before.trust()
    const after = storeIn(folder, { boot: 'b' })
    expect(await after.open()).toEqual({ identity, fresh: false, trusted: false })
    expect(await storeIn(folder, { boot: 'b' }).open()).toMatchObject({ trusted: false })
    await after.trust()
    expect(await storeIn(folder, { boot: 'b' }).open()).toMatchObject({ trusted: true })
    expect(await storeIn(folder, { boot: 'a' }).open()).toMatchObject({ trusted: false })
  })

  test('is unknown: lengths never count after a restart', async () => {
    const folder = await newFolder()
    const store = storeIn(folder, { boot: undefined })
    await store.open()
    await store.trust()
    expect(await storeIn(folder, { boot: undefined }).open()).toMatchObject({ trusted: false })
    expect(await storeIn(folder, { boot: 'a' }).open()).toMatchObject({ trusted: false })
  })
})

describe('the marker of a store', () => {
  test.each([
    ['empty', ''],
    ['torn', '{"identity":"0123456789abcdef01'],
    ['of another shape', '{"identity":"x","boot":null}'],
  ])('that is %s is a clear error, and the file stays as it is', async (_, text) => {
    const folder = await newFolder()
    await storeIn(folder).open()
    await writeFile(join(folder, 'store.json'), text)
    await expect(storeIn(folder).open()).rejects.toMatchObject({
      name: 'StoreError',
      code: 'damaged',
      message: expect.stringMatching(/store\.json cannot be read: restore it from a backup/),
    })
    expect(await readFile(join(folder, 'store.json'), 'utf8')).toBe(text)
  })

  test('survives a crash that left a half-written successor beside it', async () => {
    const folder = await newFolder()
    const store = storeIn(folder, { boot: 'a' })
    const { identity } = await store.open()
    await store.trust()
    await writeFile(join(folder, 'store.json.new'), '{"iden')
    const next = storeIn(folder, { boot: 'b' })
    expect(await next.open()).toEqual({ identity, fresh: false, trusted: false })
    await next.trust()
    expect((await readdir(folder)).sort()).toEqual(['segments', 'store.json'])
  })

  test('is left alone by a start on the same boot, so that a full disk does not stop it', async () => {
    const folder = await newFolder()
    const store = storeIn(folder, { boot: 'a' })
    await store.open()
    await store.trust()
    const { ino } = await stat(join(folder, 'store.json'))
    const next = storeIn(folder, { boot: 'a' })
    await next.open()
    await next.trust()
    expect((await stat(join(folder, 'store.json'))).ino).toBe(ino)
  })
})

describe('the reserve of the disk', () => {
  test('is not counted as free, and is never written to', async () => {
    const folder = await newFolder()
    const roomy = storeIn(folder)
    await roomy.open()
    const segment = newSegmentId()
    const before = await roomy.openWriter(segment)
    await before.write([sampleBytes(100)])
    await before.close()

    const full = storeIn(folder, { reserve: Number.MAX_SAFE_INTEGER })
    await full.open()
    expect(await full.freeBytes()).toBe(0)
    expect(await roomy.freeBytes()).toBeGreaterThan(0)
    const writer = await full.openWriter(segment)
    await expect(writer.write([sampleBytes(1)])).rejects.toMatchObject({ code: 'no-space' })
    expect(writer.length).toBe(100)
    await writer.truncate(40)
    await writer.close()
    await full.remove(segment)
  })
})
