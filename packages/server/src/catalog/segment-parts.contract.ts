/** What every catalog promises of segments that a store keeps in parts, as tests. */
import { describe, expect, test } from 'vitest'
import { newSegmentId, type SegmentId } from '../blobs/blob-store.ts'
import type { Catalog } from './catalog.ts'
import { sampleUpload } from './sample-records.ts'
import { type Hold, PART_BLOCK, type PartsGrowth, type StoredPart } from './segment-parts.ts'

const FENCED = { name: 'CatalogError', code: 'fenced' }

/** @param open - a new, empty catalog */
export function segmentPartsContract(open: () => Promise<Catalog>): void {
  async function segmentIn(catalog: Catalog): Promise<SegmentId> {
    const upload = sampleUpload()
    await catalog.insertUpload(upload)
    return upload.segment
  }
  async function held(catalog: Catalog, segment: SegmentId): Promise<Hold> {
    const hold = await catalog.holdSegment(segment)
    if (hold === undefined) throw new Error('the segment cannot be held')
    return hold
  }
  const part = (number: number, length: number): StoredPart => ({ number, etag: `"etag-${number}"`, length })
  const growth = (given: Partial<PartsGrowth>): PartsGrowth => ({
    start: 0,
    parts: [],
    tail: undefined,
    session: 's-1',
    at: 5000,
    ...given,
  })

  describe('a segment in parts', () => {
    test('has nothing recorded at first, and a row only with its upload', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      expect(await catalog.storedSegment(segment)).toEqual({
        session: undefined,
        inParts: 0,
        tail: undefined,
        modifiedAt: 0,
        sealed: false,
      })
      expect(await catalog.storedSegment(newSegmentId())).toBeUndefined()
      expect(await catalog.holdSegment(newSegmentId())).toBeUndefined()
    })

    test('has what was recorded, in the order of its bytes', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const hold = await held(catalog, segment)
      const first = [part(2, 10), part(1, 20)]
      const stored = await catalog.recordParts(hold, growth({ parts: first, tail: { name: 't', length: 3 } }))
      expect(stored).toEqual({
        session: 's-1',
        inParts: 30,
        tail: { name: 't', length: 3 },
        modifiedAt: 5000,
        sealed: false,
      })
      await catalog.recordParts(
        hold,
        growth({ start: 30, parts: [part(3, 5)], session: undefined, at: 6000 }),
      )
      expect(await catalog.storedSegment(segment)).toEqual({
        session: 's-1',
        inParts: 35,
        tail: undefined,
        modifiedAt: 6000,
        sealed: false,
      })
      expect(await catalog.partsFrom(segment, 0, 100)).toEqual([...first, part(3, 5)])
      expect(await catalog.partsFrom(segment, 10, 1)).toEqual([part(1, 20)])
    })

    test('takes nothing that does not begin where its parts end', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const hold = await held(catalog, segment)
      const first = growth({ parts: [part(1, 10)] })
      await catalog.recordParts(hold, first)
      await expect(catalog.recordParts(hold, first)).rejects.toMatchObject(FENCED)
      await expect(catalog.recordParts(hold, growth({ start: 11 }))).rejects.toMatchObject(FENCED)
      expect(await catalog.partsFrom(segment, 0, 100)).toEqual([part(1, 10)])
    })

    test('is forgotten with its row', async () => {
      const catalog = await open()
      const upload = sampleUpload()
      await catalog.insertUpload(upload)
      const hold = await held(catalog, upload.segment)
      await catalog.recordParts(hold, growth({ parts: [part(1, 10)] }))
      await catalog.endUpload(upload.id, ['open'], { kind: 'cancelled' }, 1)
      await catalog.forgetSegments([upload.segment])
      expect(await catalog.storedSegment(upload.segment)).toBeUndefined()
      expect(await catalog.partsFrom(upload.segment, 0, 100)).toEqual([])
    })
  })

  describe('the right to write to a segment', () => {
    test('ends with the next one: whoever wakes up late changes nothing', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const late = await held(catalog, segment)
      const next = await held(catalog, segment)
      expect(next.fence).toBeGreaterThan(late.fence)
      await expect(catalog.recordParts(late, growth({ parts: [part(1, 9)] }))).rejects.toMatchObject(FENCED)
      await expect(catalog.reserveParts(late, 1)).rejects.toMatchObject(FENCED)
      await expect(catalog.cutParts(late, 0)).rejects.toMatchObject(FENCED)
      expect(await catalog.storedSegment(segment)).toMatchObject({ inParts: 0 })
      await catalog.recordParts(next, growth({ parts: [part(9, 9)] }))
    })

    test('shows what was recorded before it', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const first = await held(catalog, segment)
      const stored = await catalog.recordParts(
        first,
        growth({ parts: [part(1, 10)], tail: { name: 't', length: 2 } }),
      )
      expect((await held(catalog, segment)).stored).toEqual(stored)
    })

    test('ends with the record that says so', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const hold = await held(catalog, segment)
      await catalog.recordParts(hold, growth({ parts: [part(1, 10)], unusedFrom: 2 }))
      await expect(catalog.recordParts(hold, growth({ start: 10 }))).rejects.toMatchObject(FENCED)
    })

    test('has part numbers that no other gets, unless they are given back', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const died = await held(catalog, segment)
      expect(died.numbers).toEqual({ first: 1, count: PART_BLOCK })
      const more = await catalog.reserveParts(died, 3)
      expect(more).toEqual({ first: 1 + PART_BLOCK, count: 3 })
      const next = await held(catalog, segment)
      expect(next.numbers).toEqual({ first: 4 + PART_BLOCK, count: PART_BLOCK })
      await catalog.recordParts(next, growth({ parts: [part(12, 10)], unusedFrom: 13 }))
      expect((await held(catalog, segment)).numbers.first).toBe(13)
    })
  })

  describe('bytes that are taken back', () => {
    test('leave what was recorded when the right was given, the tail of then included', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const first = await held(catalog, segment)
      const before = await catalog.recordParts(
        first,
        growth({ parts: [part(1, 10)], tail: { name: 'old', length: 4 } }),
      )
      const hold = await held(catalog, segment)
      await catalog.recordParts(hold, growth({ start: 10, parts: [part(9, 10)] }))
      expect(await catalog.cutParts(hold, 14)).toMatchObject({ inParts: 10, tail: before.tail })
      expect(await catalog.partsFrom(segment, 0, 100)).toEqual([part(1, 10)])
      // Once more is the same.
      expect(await catalog.cutParts(hold, 14)).toMatchObject({ inParts: 10, tail: before.tail })
      await catalog.recordParts(hold, growth({ start: 10, parts: [part(10, 7)] }))
    })

    test('are never some other number of them', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const hold = await held(catalog, segment)
      await catalog.recordParts(hold, growth({ parts: [part(1, 10), part(2, 10)] }))
      await expect(catalog.cutParts(hold, 10)).rejects.toMatchObject(FENCED)
      expect(await catalog.storedSegment(segment)).toMatchObject({ inParts: 20 })
      expect(await catalog.cutParts(hold, 20)).toMatchObject({ inParts: 20 })
    })

    test('of a checksummed request that died are taken back by the next one', async () => {
      const catalog = await open()
      const upload = sampleUpload()
      await catalog.insertUpload(upload)
      const { segment } = upload
      await catalog.recordParts(
        await held(catalog, segment),
        growth({ parts: [part(1, 10)], tail: { name: 'old', length: 4 } }),
      )
      const died = await held(catalog, segment)
      await catalog.setRollback(upload.id, 14)
      await catalog.recordParts(died, growth({ start: 10, parts: [part(9, 20)] }))
      await held(catalog, segment)
      const hold = await held(catalog, segment)
      expect(await catalog.cutParts(hold, 14)).toMatchObject({
        inParts: 10,
        tail: { name: 'old', length: 4 },
      })
    })
  })

  describe('the rescue of a segment', () => {
    const found = { strays: [{ number: 3, length: 10 }], into: undefined }
    const more = { strays: [...found.strays, { number: 1, length: 7 }], into: undefined }

    test('is recorded in place of what was known, by whoever is first', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const hold = await held(catalog, segment)
      await catalog.recordParts(hold, growth({ parts: [part(2, 10)] }))
      expect((await catalog.storedSegment(segment))?.rescue).toBeUndefined()
      expect(await catalog.recordRescue(segment, undefined, found)).toBe(true)
      expect(await catalog.recordRescue(segment, undefined, more)).toBe(false)
      expect((await catalog.storedSegment(segment))?.rescue).toEqual(found)
      expect(await catalog.recordRescue(segment, found, more)).toBe(true)
      const copying = { ...more, into: 'multipart "upload" 2' }
      expect(await catalog.recordRescue(segment, found, copying)).toBe(false)
      expect(await catalog.recordRescue(segment, more, copying)).toBe(true)
      expect(await catalog.recordRescue(segment, more, copying)).toBe(false)
      expect((await catalog.storedSegment(segment))?.rescue).toEqual(copying)
      expect(await catalog.recordRescue(segment, copying, more)).toBe(true)
    })

    test('of many at once has one that is first', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const tries = Array.from({ length: 8 }, (_, i) =>
        catalog.recordRescue(segment, undefined, { strays: [], into: `T${i}` }),
      )
      expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1)
    })

    test('ends with its sealing, after which there is none', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const hold = await held(catalog, segment)
      await catalog.recordParts(hold, growth({ parts: [part(2, 10)] }))
      await catalog.recordRescue(segment, undefined, found)
      await catalog.sealParts(segment, 10)
      expect((await catalog.storedSegment(segment))?.rescue).toBeUndefined()
      expect(await catalog.recordRescue(segment, undefined, found)).toBe(false)
      expect(await catalog.recordRescue(newSegmentId(), undefined, found)).toBe(false)
    })
  })

  describe('a sealed segment', () => {
    test('is one object: nothing is in parts and nobody may write', async () => {
      const catalog = await open()
      const segment = await segmentIn(catalog)
      const hold = await held(catalog, segment)
      await catalog.recordParts(hold, growth({ parts: [part(1, 10)], tail: { name: 't', length: 2 } }))
      expect(await catalog.sealParts(segment, 11)).toBe(false)
      expect(await catalog.sealParts(segment, 12)).toBe(true)
      expect(await catalog.sealParts(segment, 12)).toBe(true)
      expect(await catalog.sealParts(segment, 10)).toBe(false)
      expect(await catalog.storedSegment(segment)).toMatchObject({
        session: undefined,
        inParts: 12,
        tail: undefined,
        sealed: true,
      })
      expect(await catalog.partsFrom(segment, 0, 100)).toEqual([])
      expect(await catalog.holdSegment(segment)).toBeUndefined()
      await expect(catalog.recordParts(hold, growth({ start: 12 }))).rejects.toMatchObject(FENCED)
      await expect(catalog.cutParts(hold, 0)).rejects.toMatchObject(FENCED)
    })

    test('that is not there is not sealed', async () => {
      expect(await (await open()).sealParts(newSegmentId(), 0)).toBe(false)
    })
  })
}
