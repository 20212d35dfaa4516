import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { UploadId, UploadRecord } from '../uploads/upload.ts'
import { catalogContract } from './catalog.contract.ts'
import { type Catalog, CatalogError } from './catalog.ts'
import { packsContract } from './packs.contract.ts'
import { rememberUploads } from './remembered.ts'
import { sampleObject, sampleUpload } from './sample-records.ts'
import { openMemoryCatalog } from './sqlite/memory-catalog.ts'
import { storageContract } from './storage.contract.ts'

describe('a catalog that remembers', () => {
  catalogContract(async () => rememberUploads(openMemoryCatalog()))
  storageContract(async () => rememberUploads(openMemoryCatalog()))
  packsContract(async () => rememberUploads(openMemoryCatalog()))
})

describe('one that remembers a single record', () => {
  catalogContract(async () => rememberUploads(openMemoryCatalog(), 1))
})

/** Answers in order and one turn late, fails when told to, and counts what reaches it. */
function slow(inner: Catalog): { catalog: Catalog; finds: number; failing: boolean } {
  const state = { catalog: inner, finds: 0, failing: false }
  let last: Promise<unknown> = Promise.resolve()
  state.catalog = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function' || name === 'listen') return member
      return (...args: unknown[]) => {
        if (name === 'findUpload') state.finds += 1
        const fails = state.failing
        const answer = last.then(() => {
          if (fails) throw new CatalogError('unavailable', 'it is away')
          return Reflect.apply(member, target, args) as Promise<unknown>
        })
        last = answer.catch(() => {})
        return answer
      }
    },
  })
  return state
}

describe('what is remembered', () => {
  test('has every field of what was written, as the catalog below gives it back', async () => {
    const below = openMemoryCatalog()
    const upload = sampleUpload({
      digests: { wanted: ['sha-512'], awaited: true, demanded: { 'sha-256': 'ab'.repeat(32) } },
      ending: 'word',
      maxSize: 1000,
      capability: 'cd'.repeat(32),
    })
    const catalog = rememberUploads(below)
    await catalog.insertUpload(upload)
    expect(await catalog.findUpload(upload.id)).toEqual(upload)
    expect(await below.findUpload(upload.id)).toEqual(upload)
  })

  test('is not looked up again, from the insert to the end of the upload', async () => {
    const below = slow(openMemoryCatalog())
    const catalog = rememberUploads(below.catalog)
    const upload = sampleUpload({ length: undefined })
    await catalog.insertUpload(upload)
    await catalog.setLength(upload.id, 100)
    await catalog.advance(upload.id, { durable: 50 })
    await catalog.setRollback(upload.id, 50)
    await catalog.setRollback(upload.id, undefined)
    expect(await catalog.findUpload(upload.id)).toMatchObject({ length: 100, durable: 50 })
    expect(await catalog.beginFinish(upload.id, 100)).toBe(true)
    expect((await catalog.findUpload(upload.id))?.state.kind).toBe('finishing')
    expect(below.finds).toBe(0)
    await catalog.publish(upload.id, sampleObject(upload))
    expect((await catalog.findUpload(upload.id))?.state.kind).toBe('complete')
    expect(below.finds).toBe(1)
  })

  test('is forgotten when a change fails', async () => {
    const below = slow(openMemoryCatalog())
    const catalog = rememberUploads(below.catalog)
    const upload = sampleUpload()
    await catalog.insertUpload(upload)
    below.failing = true
    await expect(catalog.advance(upload.id, { durable: 5 })).rejects.toMatchObject({ code: 'unavailable' })
    await expect(catalog.findUpload(upload.id)).rejects.toMatchObject({ code: 'unavailable' })
    below.failing = false
    expect((await catalog.findUpload(upload.id))?.durable).toBe(0)
    expect(below.finds).toBe(2)
  })

  test('is not what a look saw that began before a change', async () => {
    const below = slow(openMemoryCatalog())
    const upload = sampleUpload()
    await below.catalog.insertUpload(upload)
    const catalog = rememberUploads(below.catalog)
    const look = catalog.findUpload(upload.id)
    const change = catalog.advance(upload.id, { durable: 7 })
    expect((await look)?.durable).toBe(0)
    await change
    expect((await catalog.findUpload(upload.id))?.durable).toBe(7)
  })

  test('leaves out what is long, and what was used least', async () => {
    const below = slow(openMemoryCatalog())
    const catalog = rememberUploads(below.catalog, 2)
    const long = sampleUpload({ metadata: `name ${'x'.repeat(5000)}` })
    const [first, second, third] = [sampleUpload(), sampleUpload(), sampleUpload()]
    for (const upload of [long, first, second]) await catalog.insertUpload(upload)
    await catalog.findUpload(first.id)
    await catalog.insertUpload(third)
    expect(below.finds).toBe(0)
    for (const { id } of [first, third]) await catalog.findUpload(id)
    expect(below.finds).toBe(0)
    for (const { id } of [second, long]) await catalog.findUpload(id)
    expect(below.finds).toBe(2)
  })

  test('is what the catalog says, whatever happens at the same time', async () => {
    const call = fc.record({
      of: fc.nat(2),
      what: fc.constantFrom('find', 'advance', 'cut', 'rollback', 'accept', 'length', 'begin', 'cancel'),
      by: fc.nat(100),
      waits: fc.boolean(),
      fails: fc.nat(9).map((n) => n === 0),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40 }), async (calls) => {
        const below = slow(openMemoryCatalog())
        const catalog = rememberUploads(below.catalog, 2)
        const uploads = [0, 1, 2].map(() => sampleUpload({ length: undefined }))
        for (const upload of uploads) await below.catalog.insertUpload(upload)
        const underWay: Promise<unknown>[] = []
        for (const { of, what, by, waits, fails } of calls) {
          const id = uploads[of]?.id ?? ('' as UploadId)
          below.failing = fails
          const done = perform(catalog, id, what, by).catch(() => {})
          below.failing = false
          if (waits) await done
          else underWay.push(done)
        }
        await Promise.all(underWay)
        for (const { id } of uploads) {
          expect(await catalog.findUpload(id)).toEqual(await below.catalog.findUpload(id))
        }
      }),
      { numRuns: 300 },
    )
  })
})

async function perform(catalog: Catalog, id: UploadId, what: string, by: number): Promise<unknown> {
  switch (what) {
    case 'advance':
      return catalog.advance(id, { durable: by, expiresAt: by * 1000 })
    case 'cut':
      return catalog.lowerDurable(id, by)
    case 'rollback':
      return catalog.setRollback(id, by)
    case 'accept':
      return catalog.setRollback(id, undefined)
    case 'length':
      return catalog.setLength(id, by)
    case 'begin':
      return catalog.beginFinish(id, by)
    case 'cancel':
      return catalog.endUpload(id, ['open'], { kind: 'cancelled' }, by)
    default:
      return catalog.findUpload(id) satisfies Promise<UploadRecord | undefined>
  }
}
