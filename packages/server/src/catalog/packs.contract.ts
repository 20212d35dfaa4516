/** What every catalog promises of packs. */
import { describe, expect, test } from 'vitest'
import { newSegmentId, type SegmentId } from '../blobs/blob-store.ts'
import type { ObjectRecord } from '../objects/object.ts'
import type { Catalog } from './catalog.ts'
import type { PackedPiece } from './packs.ts'
import { sampleObject, sampleUpload } from './sample-records.ts'

const ALL = { insert: true, replace: true }
const LATE = Number.MAX_SAFE_INTEGER

/** @param open - a new, empty catalog */
export function packsContract(open: () => Promise<Catalog>): void {
  const pieceOf = (segment: SegmentId, n: number): PackedPiece => ({ segment, start: n * 100, length: 100 })

  async function begun(catalog: Catalog): Promise<SegmentId> {
    const pack = newSegmentId()
    await catalog.beginPack(pack)
    return pack
  }
  async function packed(catalog: Catalog, piece: PackedPiece): Promise<ObjectRecord> {
    const upload = sampleUpload()
    await catalog.insertUpload(upload)
    const object = sampleObject(upload, { segments: [piece] })
    const result = await catalog.publish(upload.id, object, { packed: true })
    expect(result.kind).toBe('published')
    return object
  }
  const refsOf = async (catalog: Catalog, id: SegmentId) =>
    (await catalog.segments(undefined, 100)).find((segment) => segment.id === id)?.refs

  describe('a pack', () => {
    test('is held from its beginning to its end, and released only then', async () => {
      const catalog = await open()
      const pack = await begun(catalog)
      const object = await packed(catalog, pieceOf(pack, 0))
      await catalog.removeObjects([object], 5)
      expect(await catalog.heldPacks()).toEqual([pack])
      expect(await catalog.releasedSegments(LATE, 10)).toEqual([])
      await catalog.endPack(pack, 7)
      expect(await catalog.heldPacks()).toEqual([])
      expect(await catalog.releasedSegments(6, 10)).toEqual([])
      expect(await catalog.releasedSegments(7, 10)).toEqual([pack])
    })

    test('that was ended with objects in it is released with the last of them', async () => {
      const catalog = await open()
      const pack = await begun(catalog)
      const objects = [await packed(catalog, pieceOf(pack, 0)), await packed(catalog, pieceOf(pack, 1))]
      await catalog.endPack(pack, 7)
      await catalog.endPack(pack, 8)
      for (const [n, object] of objects.entries()) {
        expect(await catalog.releasedSegments(LATE, 10)).toEqual([])
        await catalog.removeObjects([object], 20 + n)
      }
      expect(await catalog.releasedSegments(21, 10)).toEqual([pack])
    })

    test('that is not held is not ended again', async () => {
      const catalog = await open()
      const upload = sampleUpload()
      await catalog.insertUpload(upload)
      await catalog.endPack(upload.segment, 1)
      expect(await catalog.releasedSegments(LATE, 10)).toEqual([])
    })
  })

  describe('an upload whose bytes are in a pack', () => {
    test('goes from open to complete, and its own segment was never there', async () => {
      const catalog = await open()
      const pack = await begun(catalog)
      const upload = sampleUpload()
      await catalog.insertUpload(upload)
      const object = sampleObject(upload, { segments: [pieceOf(pack, 3)] })
      const result = await catalog.publish(upload.id, object, { packed: true })
      expect(result).toMatchObject({ kind: 'published', answer: { version: object.version } })
      expect((await catalog.findUpload(upload.id))?.state.kind).toBe('complete')
      expect((await catalog.findObject(object.bucket, object.key))?.segments).toEqual([pieceOf(pack, 3)])
      expect(await catalog.segments(undefined, 10)).toEqual([{ id: pack, refs: 1 }])
      expect(await catalog.publish(upload.id, object, { packed: true })).toMatchObject({ kind: 'complete' })
    })

    test('stays open where the key is taken, nothing more is allowed, or the length is another', async () => {
      const catalog = await open()
      const pack = await begun(catalog)
      const first = await packed(catalog, pieceOf(pack, 0))
      const upload = sampleUpload({ key: first.key })
      await catalog.insertUpload(upload)
      const object = sampleObject(upload, { segments: [pieceOf(pack, 1)] })
      expect(await catalog.publish(upload.id, object, { packed: true })).toEqual({ kind: 'conflict' })
      const other = sampleUpload()
      await catalog.insertUpload(other)
      const into = sampleObject(other, { segments: [pieceOf(pack, 1)] })
      const may = { insert: false, replace: false }
      expect(await catalog.publish(other.id, into, { packed: true, may })).toMatchObject({ kind: 'denied' })
      expect(await catalog.publish(other.id, { ...into, size: 99 }, { packed: true })).toEqual({
        kind: 'ended',
      })
      expect(await catalog.publish(other.id, into)).toEqual({ kind: 'ended' })
      for (const { id, segment } of [upload, other]) {
        expect((await catalog.findUpload(id))?.state.kind).toBe('open')
        expect(await refsOf(catalog, segment)).toBe(1)
      }
      expect(await refsOf(catalog, pack)).toBe(1)
    })
  })

  describe('a pack most of which is dead', () => {
    test('is found once it is ended, and not when only half of it is', async () => {
      const catalog = await open()
      const pack = await begun(catalog)
      const objects: ObjectRecord[] = []
      for (let n = 0; n < 4; n += 1) objects.push(await packed(catalog, pieceOf(pack, n)))
      const remove = (n: number) => catalog.removeObjects(objects.slice(n, n + 1), 1)
      for (const n of [0, 1, 2]) await remove(n)
      expect(await catalog.sparsePacks(10)).toEqual([])
      await catalog.endPack(pack, 1)
      expect(await catalog.sparsePacks(10)).toEqual([pack])
      const half = await begun(catalog)
      const kept = [await packed(catalog, pieceOf(half, 0)), await packed(catalog, pieceOf(half, 1))]
      await catalog.endPack(half, 1)
      await catalog.removeObjects(kept.slice(0, 1), 1)
      expect(await catalog.sparsePacks(10)).toEqual([pack])
      await remove(3)
      expect(await catalog.sparsePacks(10)).toEqual([])
    })

    test('gives its pieces to another, for all objects that share them, and is released', async () => {
      const catalog = await open()
      const [old, fresh] = [await begun(catalog), await begun(catalog)]
      const first = await packed(catalog, pieceOf(old, 0))
      const second = await packed(catalog, pieceOf(old, 5))
      const copy = { ...sampleObject(sampleUpload()), segments: first.segments, bucket: 'files' }
      expect((await catalog.copyObject(first.version, copy, ALL)).kind).toBe('copied')
      await catalog.endPack(old, 1)
      expect(await catalog.packedPieces(old, undefined, 10)).toEqual([pieceOf(old, 0), pieceOf(old, 5)])
      expect(await catalog.packedPieces(old, 0, 10)).toEqual([pieceOf(old, 5)])
      expect(await catalog.packedPieces(old, undefined, 1)).toEqual([pieceOf(old, 0)])
      await catalog.movePieces(
        [
          { from: pieceOf(old, 0), to: pieceOf(fresh, 0) },
          { from: pieceOf(old, 3), to: pieceOf(fresh, 1) },
        ],
        9,
      )
      expect(await refsOf(catalog, old)).toBe(1)
      expect(await refsOf(catalog, fresh)).toBe(2)
      expect(await catalog.releasedSegments(LATE, 10)).toEqual([])
      await catalog.movePieces([{ from: pieceOf(old, 5), to: pieceOf(fresh, 2) }], 10)
      expect(await catalog.releasedSegments(10, 10)).toEqual([old])
      const now = async (object: ObjectRecord) =>
        (await catalog.findObject(object.bucket, object.key))?.segments
      expect(await now(first)).toEqual([pieceOf(fresh, 0)])
      expect(await now(copy)).toEqual([pieceOf(fresh, 0)])
      expect(await now(second)).toEqual([pieceOf(fresh, 2)])
    })
  })
}
