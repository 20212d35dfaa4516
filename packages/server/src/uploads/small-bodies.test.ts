import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { ANON } from '../access/principal.ts'
import { type BlobStore, StoreError } from '../blobs/blob-store.ts'
import { MemoryStore } from '../blobs/memory/memory-store.ts'
import { all, collect, sampleBytes } from '../blobs/sample-bytes.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { rememberUploads } from '../catalog/remembered.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import { openSqliteCatalog } from '../catalog/sqlite/sqlite-catalog.ts'
import { objectsOver } from '../objects/objects.ts'
import { Readers } from '../objects/readers.ts'
import type { AppendRequest } from './append.ts'
import type { CreateRequest } from './create.ts'
import { sampleEngine } from './sample-engine.ts'
import { GatheredBody, SMALL_BYTES } from './small-bodies.ts'
import { RELEASE_GRACE_MS, sweep } from './sweep.ts'
import { newUploadId, type UploadId, type UploadRecord } from './upload.ts'
import { uploadsOver } from './uploads.ts'

const BYTES = sampleBytes(1000)
const TTL = 1000

function world(blobs: BlobStore = new MemoryStore(), catalog: Catalog = openMemoryCatalog()) {
  const clock = { now: 5000 }
  const engine = sampleEngine(catalog, blobs, () => clock.now, TTL)
  const uploads = uploadsOver(engine)
  const wish = (length: number, given: Partial<CreateRequest> = {}): CreateRequest => ({
    face: 'files',
    owner: ANON,
    bucket: 'files',
    key: (id) => id,
    precondition: 'absent',
    length,
    metadata: '',
    headers: { contentType: 'a/b', fileName: undefined },
    concat: 'whole',
    digests: { wanted: [], demanded: {} },
    ...given,
  })
  const bodyOf = (body: Uint8Array | Readable, request: Partial<AppendRequest> = {}): AppendRequest => ({
    offset: 0,
    declared: body instanceof Readable ? undefined : body.byteLength,
    length: undefined,
    ends: 'at-length',
    checksum: undefined,
    open: () => (body instanceof Readable ? body : Readable.from([body])),
    signal: new AbortController().signal,
    ...request,
  })
  const create = (length: number, given: Partial<CreateRequest> = {}) => uploads.create(wish(length, given))
  const append = (id: UploadId, body: Uint8Array | Readable, request: Partial<AppendRequest> = {}) =>
    uploads.append(id, () => true, bodyOf(body, request))
  /** Creates with the body: 1000 bytes, or the first of them. */
  const createWith = async (
    body: Uint8Array | Readable,
    request: Partial<AppendRequest> = {},
    given: Partial<CreateRequest> = {},
  ) => {
    let made: UploadRecord | undefined
    const note = (upload: UploadRecord) => {
      made = upload
    }
    const settled = await uploads
      .createWithBody(wish(1000, given), () => true, bodyOf(body, request), note)
      .then(
        (outcome) => ({ outcome, refusal: undefined }),
        (refusal: unknown) => ({ outcome: undefined, refusal }),
      )
    return { ...settled, made }
  }
  const look = (id: UploadId) => uploads.inspect(id, () => true)
  const objects = objectsOver(engine.catalog, blobs, new Readers(), () => clock.now)
  const object = async (key: string) => {
    const found = await engine.catalog.findObject('files', key)
    if (found === undefined) throw new Error('there is no such object')
    return found
  }
  const read = async (key: string, start = 0, end = Number.NaN) => {
    const found = await object(key)
    return collect(objects.read(found, start, Number.isNaN(end) ? found.size : end))
  }
  const put = async (bytes: Uint8Array) => {
    const upload = await create(bytes.byteLength)
    expect((await append(upload.id, bytes)).kind).toBe('finished')
    return upload.key
  }
  return { engine, clock, wish, create, createWith, append, look, objects, object, read, put }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('a small body that comes whole', () => {
  test('gets no file of its own, and its object is whole, in ranges too, with its digest', async () => {
    const { engine, create, append, look, object, read } = world()
    const uploads = [await create(1000), await create(1000)]
    for (const [n, { id }] of uploads.entries()) {
      expect(await append(id, sampleBytes(1000, n))).toMatchObject({
        kind: 'finished',
        offset: 1000,
        finished: { kind: 'published', digests: { 'sha-256': sha256(sampleBytes(1000, n)) } },
      })
      expect(await look(id)).toMatchObject({ kind: 'finished', offset: 1000 })
    }
    expect(await all(engine.blobs.list())).toHaveLength(1)
    for (const [n, { key }] of uploads.entries()) {
      expect((await object(key)).segments).toMatchObject([{ start: n * 1000, length: 1000 }])
      expect(await read(key)).toEqual(sampleBytes(1000, n))
      expect(await read(key, 10, 20)).toEqual(sampleBytes(1000, n).subarray(10, 20))
      const { segments } = await object(key)
      expect((await engine.blobs.digest(segments, ['sha-256']))['sha-256']).toBe(sha256(sampleBytes(1000, n)))
    }
    // Rows of segments that were never made would pile up.
    expect(await engine.catalog.segments(undefined, 10)).toHaveLength(1)
  })

  test('is verified in memory where a checksum is named, and a wrong one leaves nothing', async () => {
    const { create, append, look, engine } = world()
    const { id } = await create(1000)
    const checksum = () => ({ algorithm: 'sha-256' as const, digest: sha256(sampleBytes(1000, 2)) })
    await expect(append(id, BYTES, { checksum })).rejects.toMatchObject({ code: 'checksum-mismatch' })
    expect(await look(id)).toMatchObject({ kind: 'open', offset: 0 })
    expect(await all(engine.blobs.list())).toEqual([])
    expect(await append(id, sampleBytes(1000, 2), { checksum })).toMatchObject({ kind: 'finished' })
  })

  test('stands at 0 until it is published', async () => {
    const { create, append, engine } = world()
    const { id } = await create(1000)
    const body = new Readable({ read() {} })
    const appending = append(id, body, { declared: 1000 })
    body.push(BYTES.subarray(0, 999))
    await new Promise(setImmediate)
    expect(engine.leases.holder(id)?.offset).toBe(0)
    body.push(BYTES.subarray(999))
    body.push(null)
    expect(await appending).toMatchObject({ kind: 'finished' })
  })
})

test('of the chunks of a small body that is kept which is all of it', async () => {
  const bytes = sampleBytes(100)
  const [front, back] = [bytes.subarray(0, 40), bytes.subarray(40)]
  const whole = new GatheredBody(100)
  await whole.write([bytes])
  const joined = new GatheredBody(100)
  await joined.write([front, back])
  expect([whole.keeps(bytes), joined.keeps(front), joined.keeps(back)]).toEqual([true, false, false])
  expect([whole.bytes, joined.bytes].map((it) => Buffer.compare(it, bytes))).toEqual([0, 0])
})

describe('what goes into a file as ever', () => {
  const own = (segments: readonly { readonly start?: number }[]) => segments[0]?.start === undefined

  test('a body that is too large, or comes in two requests', async () => {
    const { create, append, object, read } = world()
    const large = sampleBytes(SMALL_BYTES + 1)
    const first = await create(large.byteLength)
    await append(first.id, large)
    expect(own((await object(first.key)).segments)).toBe(true)
    expect(await read(first.key)).toEqual(large)
    const second = await create(1000)
    expect(await append(second.id, BYTES.subarray(0, 400))).toMatchObject({ kind: 'appended', offset: 400 })
    await append(second.id, BYTES.subarray(400), { offset: 400 })
    expect(own((await object(second.key)).segments)).toBe(true)
    expect(await read(second.key)).toEqual(BYTES)
  })

  test('what arrived of a body that broke off: it is kept, and gone on from', async () => {
    const { create, append, look, read } = world()
    const { id, key } = await create(1000)
    const body = new Readable({ read() {} })
    const appending = append(id, body, { declared: 1000 })
    body.push(BYTES.subarray(0, 300))
    await new Promise(setImmediate)
    body.destroy(new Error('gone'))
    expect(await appending).toEqual({ kind: 'cut' })
    expect(await look(id)).toMatchObject({ kind: 'open', offset: 300 })
    await append(id, BYTES.subarray(300), { offset: 300 })
    expect(await read(key)).toEqual(BYTES)
  })

  test('a body with a checksum that broke off is not kept', async () => {
    const { create, append, look } = world()
    const { id } = await create(1000)
    const body = new Readable({ read() {} })
    const checksum = () => ({ algorithm: 'sha-256' as const, digest: sha256(BYTES) })
    const appending = append(id, body, { declared: 1000, checksum })
    body.push(BYTES.subarray(0, 300))
    await new Promise(setImmediate)
    body.destroy(new Error('gone'))
    expect(await appending).toEqual({ kind: 'cut' })
    expect(await look(id)).toMatchObject({ kind: 'open', offset: 0 })
  })

  test('a body whose digest was demanded', async () => {
    const { create, append, object } = world()
    const demanded = { 'sha-256': sha256(BYTES) }
    const right = await create(1000, { digests: { wanted: [], demanded } })
    await append(right.id, BYTES)
    expect(own((await object(right.key)).segments)).toBe(true)
    const wrong = await create(1000, { digests: { wanted: [], demanded } })
    await expect(append(wrong.id, sampleBytes(1000, 9))).rejects.toMatchObject({ code: 'digest-mismatch' })
  })

  test('a body whose key is taken: the upload fails, and says so again', async () => {
    const { create, append } = world()
    const key = () => 'taken'
    const [first, second] = [await create(1000, { key }), await create(1000, { key })]
    await append(first.id, BYTES)
    await expect(append(second.id, BYTES)).rejects.toMatchObject({ code: 'conflict' })
    await expect(append(second.id, new Uint8Array(0), { offset: 1000 })).rejects.toMatchObject({
      code: 'conflict',
    })
  })

  test('a body that the pack does not take', async () => {
    const store = new MemoryStore()
    let failing = true
    const blobs = new Proxy<BlobStore>(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          if (name !== 'sync' || !failing) return Reflect.apply(member, target, args) as unknown
          failing = false
          return Promise.reject(new StoreError('unavailable', 'a sync failed'))
        }
      },
    })
    const { create, append, object, read } = world(blobs)
    const { id, key } = await create(1000)
    expect(await append(id, BYTES)).toMatchObject({ kind: 'finished' })
    expect(own((await object(key)).segments)).toBe(true)
    expect(await read(key)).toEqual(BYTES)
  })
})

describe('a pack most of whose objects are gone', () => {
  test('is copied where it is still needed, and then removed; nobody’s bytes change', async () => {
    const { engine, clock, objects, object, put, read } = world()
    const keys: string[] = []
    for (let n = 0; n < 150; n += 1) keys.push(await put(sampleBytes(500 + n, n)))
    const kept = keys.filter((_, n) => n % 3 === 1)
    const gone = keys.filter((_, n) => n % 3 !== 1)
    // A copy shares the bytes.
    const shared = await object(kept[0] ?? '')
    const may = { insert: true, replace: true }
    expect((await objects.copy(shared, { ...shared, key: 'copy' }, may)).kind).toBe('copied')
    const [old] = await engine.catalog.heldPacks()
    await engine.small?.packer.close()
    for (const key of gone) await objects.remove([await object(key)])

    const again = { ...engine, small: sampleEngine(engine.catalog, engine.blobs).small }
    expect(await sweep(again, new Readers())).toMatchObject({ moved: 50, segments: 0 })
    expect(await sweep(again, new Readers())).toMatchObject({ moved: 0 })
    for (const [n, key] of keys.entries())
      if (kept.includes(key)) expect(await read(key)).toEqual(sampleBytes(500 + n, n))
    expect(await read('copy')).toEqual(sampleBytes(501, 1))

    clock.now += RELEASE_GRACE_MS
    expect(await sweep(again, new Readers())).toMatchObject({ segments: 1 })
    expect(await engine.blobs.inspect(old ?? ('' as never))).toBeUndefined()
    for (const [n, key] of keys.entries())
      if (kept.includes(key)) expect(await read(key)).toEqual(sampleBytes(500 + n, n))
  })
})

describe('a small body that comes with its creation', () => {
  const wrong = (): { algorithm: 'sha-256'; digest: string } => ({
    algorithm: 'sha-256',
    digest: sha256(sampleBytes(1000, 2)),
  })

  test('is packed, and its upload made and its object published in one commit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pawl-test-'))
    const commits: number[] = []
    const catalog = await openSqliteCatalog({ path: join(folder, 'catalog.db'), lockTimeout: 1000 }, (n) =>
      commits.push(n),
    )
    try {
      const { createWith, put, look, read } = world(new MemoryStore(), rememberUploads(catalog))
      // The pack of the first body has a row of its own.
      await put(BYTES)
      commits.length = 0
      const { outcome, made } = await createWith(BYTES)
      expect(outcome).toMatchObject({ kind: 'finished', offset: 1000, finished: { kind: 'published' } })
      expect(commits).toEqual([2])
      // What was remembered of the upload while it was made must not outlive its end.
      expect(await look(made?.id ?? newUploadId())).toMatchObject({ kind: 'finished', offset: 1000 })
      expect(await read(made?.key ?? '')).toEqual(BYTES)
    } finally {
      await catalog.close()
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('that does not match its checksum leaves an upload that takes the right one', async () => {
    const { createWith, append, look } = world()
    const { refusal, made } = await createWith(BYTES, { checksum: wrong })
    expect(refusal).toMatchObject({ code: 'checksum-mismatch' })
    const id = made?.id ?? newUploadId()
    expect(await look(id)).toMatchObject({ kind: 'open', offset: 0 })
    expect(await append(id, sampleBytes(1000, 2), { checksum: wrong })).toMatchObject({ kind: 'finished' })
  })

  test('that breaks off is kept as far as it came', async () => {
    const { createWith, look } = world()
    const body = new Readable({ read() {} })
    body.push(BYTES.subarray(0, 400))
    setImmediate(() => body.destroy(new Error('the client went away')))
    const { outcome, made } = await createWith(body, { declared: 1000 })
    expect(outcome).toMatchObject({ kind: 'cut' })
    expect(await look(made?.id ?? newUploadId())).toMatchObject({ kind: 'open', offset: 400 })
  })

  test('loses against an object that is there already, and says so', async () => {
    const { createWith, read } = world()
    await createWith(BYTES, {}, { key: () => 'taken' })
    const { refusal } = await createWith(sampleBytes(1000, 1), {}, { key: () => 'taken' })
    expect(refusal).toMatchObject({ code: 'conflict' })
    expect(await read('taken')).toEqual(BYTES)
  })

  test('that may not be made is refused, and nothing of it is left but bytes in a pack', async () => {
    const catalog = openMemoryCatalog()
    const refusing: Catalog = { ...catalog, insertUpload: async () => ({ what: 'ownerBytes', limit: 1 }) }
    const { createWith, engine } = world(new MemoryStore(), refusing)
    const { refusal, made } = await createWith(BYTES)
    expect(refusal).toMatchObject({ code: 'over-quota' })
    expect(made).toBeUndefined()
    expect(await catalog.unfinished(undefined, 10)).toEqual([])
    expect(engine.published).toEqual([])
  })

  test('is published all the same by a catalog that does things in another order', async () => {
    const catalog = openMemoryCatalog()
    const late: Catalog = {
      ...catalog,
      insertUpload: async (...args) => {
        await new Promise(setImmediate)
        return catalog.insertUpload(...args)
      },
    }
    const { createWith, read } = world(new MemoryStore(), late)
    const { outcome, made } = await createWith(BYTES)
    expect(outcome).toMatchObject({ kind: 'finished', offset: 1000 })
    expect(await read(made?.key ?? '')).toEqual(BYTES)
  })
})

describe('a power cut may take', () => {
  /** Whether an upload is made so that it survives one. */
  async function madeDurably(
    given: Partial<CreateRequest>,
    { everyAck = false, keepEvents = false } = {},
  ): Promise<boolean> {
    const catalog = openMemoryCatalog({ keepEvents })
    const asked: (boolean | undefined)[] = []
    const watched: Catalog = {
      ...catalog,
      insertUpload(upload, allowance, durable) {
        asked.push(durable)
        return catalog.insertUpload(upload, allowance, durable)
      },
    }
    const { engine, wish } = world(new MemoryStore(), watched)
    await uploadsOver({ ...engine, limits: { ...engine.limits, everyAck } }).create(wish(1000, given))
    expect(asked).toHaveLength(1)
    return asked[0] !== false
  }

  test('a small upload that has no byte yet', async () => {
    expect(await madeDurably({})).toBe(false)
  })

  test.each([
    ['a larger one, which will have a file', { length: SMALL_BYTES + 1 }, {}],
    ['one whose length is not known', { length: undefined }, {}],
    ['one that is to be joined with others', { concat: 'partial' }, {}],
    ['one that ends by word, whose offsets never go back', { ending: 'word' }, {}],
    ['any of them where every answer is durable', {}, { everyAck: true }],
    ['any of them whose event may have been delivered', {}, { keepEvents: true }],
  ] satisfies [string, Partial<CreateRequest>, object][])('but not %s', async (_, given, setting) => {
    expect(await madeDurably(given, setting)).toBe(true)
  })
})
