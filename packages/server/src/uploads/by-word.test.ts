/** Uploads that end by a request's word, over the engine itself: the end, kills, and power cuts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ANON } from '../access/principal.ts'
import { DiskStore } from '../blobs/disk/disk-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { openMemoryCatalog } from '../catalog/sqlite/memory-catalog.ts'
import { createLog } from '../log.ts'
import type { Ends } from './append.ts'
import { storedUpload } from './sample-engine.ts'
import { type RunningEngine, startEngine } from './start.ts'
import type { UploadId, UploadRecord } from './upload.ts'

const EVERYONE = () => true
const FAR = 4_000_000_000_000

let folder: string
let catalog: Catalog
const closing: (() => Promise<void>)[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-by-word-'))
  catalog = openMemoryCatalog()
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await catalog.close()
  await rm(folder, { recursive: true })
})

function disk(boot: string): DiskStore {
  const blobs = new DiskStore({ folder, reserve: 0, boot })
  closing.push(() => blobs.close())
  return blobs
}

async function start(boot = 'boot a', blobs = disk(boot)): Promise<RunningEngine> {
  const engine = await startEngine({
    catalog,
    blobs,
    log: createLog('silent'),
    now: Date.now,
    limits: { maxSize: 1e9, ttl: 86_400_000, everyAck: false },
    idleTimeout: 60_000,
  })
  closing.push(async () => {
    await engine.closeTransfers()
    await engine.close()
  })
  return engine
}

function create({ uploads }: RunningEngine, length?: number): Promise<UploadRecord> {
  return uploads.create({
    face: 'files',
    owner: ANON,
    bucket: 'b',
    key: (id) => id,
    precondition: 'absent',
    length,
    ending: 'word',
    metadata: '',
    headers: { contentType: 'a/b', fileName: undefined },
    concat: 'whole',
    digests: { wanted: [], demanded: {} },
  })
}

/** @param declared - whether the body says its size, and with its end that of the upload */
function append(
  { uploads }: RunningEngine,
  id: UploadId,
  offset: number,
  ends: Ends,
  text: string,
  declared = true,
) {
  return uploads.append(id, EVERYONE, {
    offset,
    declared: declared ? text.length : undefined,
    length: declared && ends === 'here' ? offset + text.length : undefined,
    ends,
    manner: 'at-once',
    checksum: undefined,
    open: () => Readable.from([Buffer.from(text)], { objectMode: false }),
    signal: new AbortController().signal,
  })
}

const recordOf = async (id: UploadId) => (await catalog.findUpload(id)) as UploadRecord

describe('the end', () => {
  test('is not the length, but the word', async () => {
    const engine = await start()
    const { id } = await create(engine, 5)
    expect(await append(engine, id, 0, 'not-here', 'hello')).toMatchObject({ kind: 'appended', offset: 5 })
    expect(await engine.uploads.inspectByWord(id, EVERYONE)).toMatchObject({ kind: 'open', offset: 5 })
    expect(await append(engine, id, 5, 'here', '')).toMatchObject({ kind: 'finished', offset: 5 })
  })

  test('of a body without a size is the end while it is written down: what comes behind it is refused', async () => {
    const blobs = disk('boot a')
    const engine = await start('boot a', blobs)
    const { id } = await create(engine)
    const [sealing, sealed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const seal = blobs.seal.bind(blobs)
    blobs.seal = async (segment, length) => {
      await seal(segment, length)
      sealing.resolve()
      await sealed.promise
    }
    const end = append(engine, id, 0, 'here', 'hello', false)
    await sealing.promise
    const looked = engine.uploads.inspectByWord(id, EVERYONE)
    const behind = append(engine, id, 5, 'not-here', 'world')
    behind.catch(() => {})
    setImmediate(sealed.resolve)
    await expect(behind).rejects.toMatchObject({ code: 'past-end' })
    expect(await looked).toMatchObject({ kind: 'finished', offset: 5 })
    expect(await end).toMatchObject({ kind: 'finished', offset: 5 })
  })

  test('may be that of no bytes', async () => {
    const engine = await start()
    const { id, state } = await create(engine, 0)
    expect(state.kind).toBe('open')
    expect(await append(engine, id, 0, 'here', '')).toMatchObject({ kind: 'finished', offset: 0 })
  })
})

describe('a start', () => {
  const left = (given: Partial<UploadRecord>) =>
    storedUpload({ catalog, blobs: disk('boot a') }, Buffer.from('hello'), {
      length: 5,
      expiresAt: FAR,
      durable: 5,
      ...given,
    })

  test('finishes what had all its bytes when its client had said that they are all', async () => {
    await start()
    const said = await left({ ending: 'said' })
    const word = await left({ ending: 'word' })
    const engine = await start()
    expect((await recordOf(said.id)).state.kind).toBe('complete')
    expect((await recordOf(word.id)).state.kind).toBe('open')
    expect(await engine.uploads.inspectByWord(word.id, EVERYONE)).toMatchObject({ kind: 'open', offset: 5 })
  })

  test('forgets what was said once another request goes on without saying it', async () => {
    const engine = await start()
    const { id } = await left({ ending: 'said', length: 10 })
    await append(engine, id, 5, 'not-here', 'world')
    expect(await engine.uploads.inspectByWord(id, EVERYONE)).toMatchObject({ kind: 'open', offset: 10 })
    expect((await recordOf(id)).ending).toBe('word')
  })

  test('finishes an upload of no bytes, whose file a power cut may have taken', async () => {
    await start()
    const upload = await left({ state: { kind: 'open' }, ending: 'word', length: 0, durable: 0 })
    await catalog.beginFinish(upload.id, 0)
    await disk('boot a').remove(upload.segment)
    await start('boot b')
    expect((await recordOf(upload.id)).state.kind).toBe('complete')
  })

  test('after a power cut has every byte that an answer named', async () => {
    const before = await start('boot a')
    const { id } = await create(before)
    expect(await append(before, id, 0, 'not-here', 'hello')).toMatchObject({ offset: 5 })
    expect((await recordOf(id)).durable).toBe(5)
    const after = await start('boot b')
    expect(await after.uploads.inspectByWord(id, EVERYONE)).toMatchObject({ kind: 'open', offset: 5 })
  })

  test('deactivates what lost bytes that had been accepted', async () => {
    await start()
    const upload = await left({ ending: 'word', durable: 5, length: undefined })
    await disk('boot a').truncate(upload.segment, 3)
    const engine = await start()
    expect((await recordOf(upload.id)).state).toMatchObject({
      kind: 'failed',
      failure: { code: 'bytes-lost' },
    })
    await expect(engine.uploads.inspectByWord(upload.id, EVERYONE)).rejects.toMatchObject({ code: 'gone' })
    await expect(append(engine, upload.id, 3, 'here', 'lo')).rejects.toMatchObject({ code: 'gone' })
  })
})
