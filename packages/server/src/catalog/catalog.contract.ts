/**
 * What every catalog promises, as tests: each implementation calls this with a way to make itself.
 *
 * Long, because it is one list: whoever writes a catalog reads all of it.
 */
import { describe, expect, test } from 'vitest'
import { newSegmentId, type SegmentId } from '../blobs/blob-store.ts'
import { newUploadId, type UploadId, type UploadRecord } from '../uploads/upload.ts'
import type { Catalog, UploadEnd } from './catalog.ts'
import { sampleObject, sampleUpload } from './sample-records.ts'

const FAILED: UploadEnd = { kind: 'failed', failure: { code: 'conflict', message: 'another was first' } }

/**
 * @param open - a new, empty catalog
 * @param inOrder - it does things in the order in which it was asked; one that several processes share does not
 */
export function catalogContract(open: () => Promise<Catalog>, inOrder = true): void {
  /** An upload in `state`, with its record as it is now. */
  async function uploadIn(
    catalog: Catalog,
    state: UploadRecord['state']['kind'],
    given: Partial<UploadRecord> = {},
  ): Promise<UploadRecord> {
    const upload = sampleUpload(given)
    await catalog.insertUpload(upload)
    if (state === 'finishing' || state === 'complete' || state === 'sealed')
      await catalog.beginFinish(upload.id, upload.length ?? 0)
    if (state === 'sealed') await catalog.seal(upload.id)
    if (state === 'complete') await catalog.publish(upload.id, sampleObject(upload))
    if (state === 'cancelled' || state === 'expired')
      await catalog.endUpload(upload.id, ['open'], { kind: state }, 4000)
    if (state === 'failed') await catalog.endUpload(upload.id, ['open'], FAILED, 4000)
    return stateOf(catalog, upload.id)
  }
  async function stateOf(catalog: Catalog, id: UploadId): Promise<UploadRecord> {
    const upload = await catalog.findUpload(id)
    if (upload === undefined) throw new Error('the upload is gone')
    return upload
  }
  async function refsOf(catalog: Catalog, segment: SegmentId): Promise<number | undefined> {
    return (await catalog.segments(undefined, 1000)).find(({ id }) => id === segment)?.refs
  }
  const released = (catalog: Catalog, before: number) => catalog.releasedSegments(before, 1000)

  describe('pairing', () => {
    test('the first store decides, whoever asks later is told which it was', async () => {
      const catalog = await open()
      expect(await catalog.pairWith('a'.repeat(32))).toEqual({ paired: 'a'.repeat(32) })
      expect(await catalog.pairWith('b'.repeat(32))).toEqual({ paired: 'a'.repeat(32) })
      expect(await catalog.pairWith('a'.repeat(32))).toEqual({ paired: 'a'.repeat(32) })
    })
  })

  describe('an upload', () => {
    test.each([
      ['as it is', {}],
      ['of no known length', { length: undefined }],
      ['that is partial', { concat: { kind: 'partial' } }],
      [
        'that wants digests',
        { digests: { wanted: ['crc32', 'md5'], demanded: { 'sha-256': 'ab'.repeat(32) } } },
      ],
      ['with no file name', { headers: { contentType: 'a/b', fileName: undefined } }],
      ['of a user', { owner: { role: 'authenticated', sub: 'ada' } }],
      ['of the service', { owner: { role: 'service_role' } }],
      ['larger than 32 bits', { length: 2 ** 53 - 1, durable: 2 ** 40 }],
      ['with any text in its names', { bucket: "'; --", key: '../\u0000\n%00☃', metadata: '' }],
    ] satisfies [string, Partial<UploadRecord>][])('%s is found as it was put in', async (_, given) => {
      const catalog = await open()
      const upload = sampleUpload(given)
      await catalog.insertUpload(upload)
      expect(await catalog.findUpload(upload.id)).toEqual(upload)
      expect(await refsOf(catalog, upload.segment)).toBe(1)
    })

    test('that a power cut may take is there like any other', async () => {
      const catalog = await open()
      const upload = sampleUpload()
      expect(await catalog.insertUpload(upload, {}, false)).toBeUndefined()
      expect(await catalog.findUpload(upload.id)).toEqual(upload)
      expect(await refsOf(catalog, upload.segment)).toBe(1)
    })

    test('that was never put in is not found', async () => {
      expect(await (await open()).findUpload(newUploadId())).toBeUndefined()
    })

    test('is not put in twice, and the second try leaves no segment', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'open')
      const second = { ...upload, segment: newSegmentId() }
      await expect(catalog.insertUpload(second)).rejects.toMatchObject({ name: 'CatalogError' })
      expect(await refsOf(catalog, second.segment)).toBeUndefined()
      expect(await catalog.findUpload(upload.id)).toEqual(upload)
    })

    test('cannot be changed through the record that was handed in or out', async () => {
      const catalog = await open()
      const upload = sampleUpload()
      const headers: { contentType: string; fileName: string | undefined } = { ...upload.headers }
      await catalog.insertUpload({ ...upload, headers })
      headers.contentType = 'changed/later'
      expect((await stateOf(catalog, upload.id)).headers).toEqual(upload.headers)
    })

    test('gets its length once', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open', { length: undefined })
      expect(await catalog.setLength(id, 10)).toBe(10)
      expect(await catalog.setLength(id, 20)).toBe(10)
      expect((await stateOf(catalog, id)).length).toBe(10)
      expect(await catalog.setLength(newUploadId(), 20)).toBeUndefined()
    })

    test('gets two lengths at once: both are told the same one', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open', { length: undefined })
      const [a, b] = await Promise.all([catalog.setLength(id, 10), catalog.setLength(id, 20)])
      expect(a).toBe(b)
    })

    test('changes how it ends only while it is open, and nothing else with that', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open', { ending: 'word', maxSize: 77 })
      await catalog.setEnding(id, 'said')
      expect(await stateOf(catalog, id)).toMatchObject({ ending: 'said', maxSize: 77 })
      const ended = await uploadIn(catalog, 'finishing', { ending: 'said' })
      await catalog.setEnding(ended.id, 'word')
      expect((await stateOf(catalog, ended.id)).ending).toBe('said')
    })

    test('changes how it ends whatever text was said of it', async () => {
      const catalog = await open()
      const userMetadata = { nul: '\u0000', half: '\ud800', '\u0000': 1 }
      const { id } = await uploadIn(catalog, 'open', { ending: 'word', userMetadata })
      await catalog.setEnding(id, 'said')
      expect(await stateOf(catalog, id)).toMatchObject({ ending: 'said', userMetadata })
    })

    test('has a durable offset and an expiry that only go forward, until bytes are lost or taken back', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open', { durable: 10, expiresAt: 2000 })
      await catalog.advance(id, { durable: 50 })
      expect(await stateOf(catalog, id)).toMatchObject({ durable: 50, expiresAt: 2000 })
      await catalog.advance(id, { expiresAt: 3000 })
      expect(await stateOf(catalog, id)).toMatchObject({ durable: 50, expiresAt: 3000 })
      await catalog.advance(id, { durable: 40, expiresAt: 2500 })
      expect(await stateOf(catalog, id)).toMatchObject({ durable: 50, expiresAt: 3000 })
      await catalog.lowerDurable(id, 20)
      expect(await stateOf(catalog, id)).toMatchObject({ durable: 20, expiresAt: 3000 })
      // Whoever takes back to where more is not durable knows less than others do.
      await catalog.lowerDurable(id, 30)
      expect(await stateOf(catalog, id)).toMatchObject({ durable: 20, expiresAt: 3000 })
    })
  })

  describe('a checksummed request', () => {
    test('records where it began until its bytes are accepted', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open')
      await catalog.setRollback(id, 0)
      expect((await stateOf(catalog, id)).rollback).toBe(0)
      await catalog.setRollback(id, 40)
      expect((await stateOf(catalog, id)).rollback).toBe(40)
      await catalog.setRollback(id, undefined)
      expect((await stateOf(catalog, id)).rollback).toBeUndefined()
    })

    test('keeps an upload from being finished until then', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open')
      await catalog.setRollback(id, 40)
      expect(await catalog.beginFinish(id, 100)).toBe(false)
      await catalog.setRollback(id, undefined)
      expect(await catalog.beginFinish(id, 100)).toBe(true)
    })

    test('that began where all bytes were there already keeps nothing from being finished', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open')
      await catalog.setRollback(id, 100)
      expect(await catalog.beginFinish(id, 100)).toBe(true)
      expect((await stateOf(catalog, id)).rollback).toBeUndefined()
    })
  })

  describe('a final upload', () => {
    async function sealedPartials(catalog: Catalog, lengths: readonly number[]): Promise<UploadRecord[]> {
      const partials: UploadRecord[] = []
      for (const length of lengths)
        partials.push(await uploadIn(catalog, 'sealed', { length, concat: { kind: 'partial' } }))
      return partials
    }
    function finalOf(partials: readonly UploadRecord[]): UploadRecord {
      const pieces = partials.map(({ segment, length }) => ({ segment, length: length ?? 0 }))
      return sampleUpload({
        length: pieces.reduce((sum, piece) => sum + piece.length, 0),
        concat: { kind: 'final', list: '/files/a /files/b', pieces },
        state: { kind: 'finishing' },
      })
    }
    const idsOf = (partials: readonly UploadRecord[]) => partials.map(({ id }) => id)

    test('holds the segments of its partials, which stay theirs too', async () => {
      const catalog = await open()
      const partials = await sealedPartials(catalog, [5, 7])
      const final = finalOf(partials)
      expect(await catalog.insertFinal(final, 's1', idsOf(partials))).toEqual({ kind: 'inserted' })
      expect(await catalog.findUpload(final.id)).toEqual(final)
      for (const { segment } of partials) expect(await refsOf(catalog, segment)).toBe(2)
      expect(await refsOf(catalog, final.segment)).toBeUndefined()
    })

    test('is published from them: the object and the partials each hold them', async () => {
      const catalog = await open()
      const partials = await sealedPartials(catalog, [5, 7])
      const final = finalOf(partials)
      await catalog.insertFinal(final, 's1', idsOf(partials))
      const pieces = final.concat.kind === 'final' ? final.concat.pieces : []
      const object = sampleObject(final, { segments: pieces, size: 12 })
      expect(await catalog.publish(final.id, object)).toMatchObject({ kind: 'published' })
      expect(await catalog.findObject(final.bucket, final.key)).toEqual(object)
      for (const { segment } of partials) expect(await refsOf(catalog, segment)).toBe(2)
      for (const { id } of partials)
        expect(await catalog.endUpload(id, ['sealed'], { kind: 'expired' }, 5000)).toBe(true)
      expect(await released(catalog, Number.MAX_SAFE_INTEGER)).toEqual([])
      for (const { segment } of partials) expect(await refsOf(catalog, segment)).toBe(1)
    })

    test('may name one partial twice', async () => {
      const catalog = await open()
      const [partial] = await sealedPartials(catalog, [5])
      const twice = partial === undefined ? [] : [partial, partial]
      const final = finalOf(twice)
      await catalog.insertFinal(final, 's1', idsOf(twice))
      expect(await refsOf(catalog, twice[0]?.segment ?? newSegmentId())).toBe(3)
      await catalog.endUpload(final.id, ['finishing'], FAILED, 5000)
      expect(await refsOf(catalog, twice[0]?.segment ?? newSegmentId())).toBe(1)
    })

    test('asked for again is the one that is there', async () => {
      const catalog = await open()
      const partials = await sealedPartials(catalog, [5])
      const first = finalOf(partials)
      await catalog.insertFinal(first, 's1', idsOf(partials))
      const again = await catalog.insertFinal(finalOf(partials), 's1', idsOf(partials))
      expect(again).toEqual({ kind: 'exists', upload: first })
      expect(await catalog.findFinal('s1')).toEqual(first)
      expect(await catalog.findFinal('s2')).toBeUndefined()
      for (const { segment } of partials) expect(await refsOf(catalog, segment)).toBe(2)
      expect(await catalog.insertFinal(finalOf(partials), 's2', idsOf(partials))).toEqual({
        kind: 'inserted',
      })
    })

    test('is not made of what is not sealed (any more)', async () => {
      const catalog = await open()
      const partials = await sealedPartials(catalog, [5, 7])
      await catalog.endUpload(idsOf(partials)[1] ?? newUploadId(), ['sealed'], { kind: 'cancelled' }, 4000)
      const final = finalOf(partials)
      expect(await catalog.insertFinal(final, 's1', idsOf(partials))).toEqual({ kind: 'changed' })
      expect(await catalog.findUpload(final.id)).toBeUndefined()
      expect(await refsOf(catalog, partials[0]?.segment ?? newSegmentId())).toBe(1)
      expect(await refsOf(catalog, partials[1]?.segment ?? newSegmentId())).toBe(0)
    })

    test('that failed gives the segments back, and they can be joined anew', async () => {
      const catalog = await open()
      const partials = await sealedPartials(catalog, [5])
      const final = finalOf(partials)
      await catalog.insertFinal(final, 's1', idsOf(partials))
      await catalog.endUpload(final.id, ['finishing'], FAILED, 5000)
      for (const { segment } of partials) expect(await refsOf(catalog, segment)).toBe(1)
      expect(await catalog.insertFinal(finalOf(partials), 's1', idsOf(partials))).toEqual({
        kind: 'inserted',
      })
    })
  })

  describe('states only move forward:', () => {
    test('open becomes finishing at its length, once or again', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open', { length: 100 })
      expect(await catalog.beginFinish(id, 99)).toBe(false)
      expect((await stateOf(catalog, id)).state).toEqual({ kind: 'open' })
      expect(await catalog.beginFinish(id, 100)).toBe(true)
      expect(await catalog.beginFinish(id, 100)).toBe(true)
      expect((await stateOf(catalog, id)).state).toEqual({ kind: 'finishing' })
    })

    test('an upload of no known length gets one when it begins to finish', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'open', { length: undefined })
      expect(await catalog.beginFinish(id, 7)).toBe(true)
      expect((await stateOf(catalog, id)).length).toBe(7)
    })

    test.each(['complete', 'cancelled', 'expired', 'failed'] as const)(
      '%s is an end: nothing changes it any more',
      async (kind) => {
        const catalog = await open()
        const upload = await uploadIn(catalog, kind)
        const { id } = upload
        expect(await catalog.beginFinish(id, 100)).toBe(false)
        expect(await catalog.setLength(id, 5)).toBeUndefined()
        await catalog.advance(id, { durable: 90, expiresAt: 9000 })
        await catalog.lowerDurable(id, 1)
        await catalog.setRollback(id, 1)
        expect(await catalog.seal(id)).toBe(false)
        expect(await catalog.endUpload(id, ['open', 'finishing'], { kind: 'cancelled' }, 5000)).toBe(false)
        const { kind: result } = await catalog.publish(id, sampleObject(upload))
        expect(result).toBe(kind === 'complete' ? 'complete' : 'ended')
        expect(await catalog.findUpload(id)).toEqual(upload)
        expect(await refsOf(catalog, upload.segment)).toBe(kind === 'complete' ? 1 : 0)
      },
    )

    test('an upload that finishes can no longer be cancelled, expired or set back', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'finishing')
      const { id } = upload
      expect(await catalog.endUpload(id, ['open'], { kind: 'cancelled' }, 5000)).toBe(false)
      expect(await catalog.endUpload(id, ['open'], { kind: 'expired' }, 5000)).toBe(false)
      expect(await catalog.setLength(id, 5)).toBeUndefined()
      await catalog.advance(id, { durable: 1000, expiresAt: 9000 })
      await catalog.lowerDurable(id, 1)
      await catalog.setRollback(id, 1)
      expect(await catalog.findUpload(id)).toEqual(upload)
      expect(await catalog.endUpload(id, ['open', 'finishing'], FAILED, 5000)).toBe(true)
      expect((await stateOf(catalog, id)).state).toEqual(FAILED)
    })

    test('a partial upload that finishes is sealed, once or again, and then only ended', async () => {
      const catalog = await open()
      const { id } = await uploadIn(catalog, 'finishing', { concat: { kind: 'partial' } })
      expect(await catalog.seal(id)).toBe(true)
      expect(await catalog.seal(id)).toBe(true)
      const sealed = await stateOf(catalog, id)
      expect(sealed.state).toEqual({ kind: 'sealed' })
      expect(await catalog.beginFinish(id, 100)).toBe(false)
      expect(await catalog.publish(id, sampleObject(sealed))).toEqual({ kind: 'ended' })
      expect(await catalog.setLength(id, 5)).toBeUndefined()
      await catalog.lowerDurable(id, 1)
      await catalog.setRollback(id, 1)
      expect(await catalog.findUpload(id)).toEqual(sealed)
      await catalog.advance(id, { expiresAt: 9000 })
      expect((await stateOf(catalog, id)).expiresAt).toBe(9000)
      expect(await catalog.endUpload(id, ['open'], { kind: 'expired' }, 5000)).toBe(false)
      expect(await catalog.endUpload(id, ['open', 'sealed'], { kind: 'expired' }, 5000)).toBe(true)
      expect(await released(catalog, 0)).toEqual([sealed.segment])
    })

    test('what does not finish is not sealed', async () => {
      const catalog = await open()
      for (const kind of ['open', 'complete', 'cancelled', 'failed'] as const) {
        const upload = await uploadIn(catalog, kind)
        expect(await catalog.seal(upload.id)).toBe(false)
        expect(await catalog.findUpload(upload.id)).toEqual(upload)
      }
      expect(await catalog.seal(newUploadId())).toBe(false)
    })

    test('an open upload is not published', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'open')
      expect(await catalog.publish(upload.id, sampleObject(upload))).toEqual({ kind: 'ended' })
      expect(await catalog.findObject(upload.bucket, upload.key)).toBeUndefined()
    })

    test('what is not there is neither finished, ended nor published', async () => {
      const catalog = await open()
      expect(await catalog.beginFinish(newUploadId(), 1)).toBe(false)
      expect(await catalog.endUpload(newUploadId(), ['open'], { kind: 'cancelled' }, 1)).toBe(false)
      expect(await catalog.publish(newUploadId(), sampleObject(sampleUpload()))).toEqual({ kind: 'ended' })
      await catalog.advance(newUploadId(), { durable: 1 })
      await catalog.lowerDurable(newUploadId(), 1)
    })

    test('of two ends at the same time exactly one happens', async () => {
      const catalog = await open()
      const { id, segment } = await uploadIn(catalog, 'open')
      const ends = await Promise.all([
        catalog.endUpload(id, ['open'], { kind: 'cancelled' }, 4000),
        catalog.endUpload(id, ['open'], { kind: 'expired' }, 4000),
        catalog.beginFinish(id, 100),
      ])
      expect(ends.filter(Boolean)).toHaveLength(1)
      expect(await refsOf(catalog, segment)).toBeLessThanOrEqual(1)
    })
  })

  describe('publishing', () => {
    test('makes the object visible with the answer, and hands it the segment', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'finishing')
      const object = sampleObject(upload)
      const answer = { version: object.version, object: object.id, publishedAt: object.createdAt }
      expect(await catalog.findObject(upload.bucket, upload.key)).toBeUndefined()
      expect(await catalog.publish(upload.id, object)).toEqual({ kind: 'published', answer })
      expect(await catalog.findObject(upload.bucket, upload.key)).toEqual(object)
      expect((await stateOf(catalog, upload.id)).state).toEqual({ kind: 'complete', answer })
      expect(await refsOf(catalog, upload.segment)).toBe(1)
      expect(await released(catalog, Number.MAX_SAFE_INTEGER)).toEqual([])
    })

    test('again gives the stored answer and changes nothing', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'finishing')
      const object = sampleObject(upload)
      await catalog.publish(upload.id, object)
      const again = await catalog.publish(upload.id, sampleObject(upload, { createdAt: 9000 }))
      expect(again).toEqual({
        kind: 'complete',
        answer: { version: object.version, object: object.id, publishedAt: object.createdAt },
      })
      expect(await catalog.findObject(upload.bucket, upload.key)).toEqual(object)
      expect(await refsOf(catalog, upload.segment)).toBe(1)
    })

    test('to a taken key is a conflict where the key had to be free', async () => {
      const catalog = await open()
      const first = await uploadIn(catalog, 'complete', { key: 'k' })
      const second = await uploadIn(catalog, 'finishing', { key: 'k', precondition: 'absent' })
      const standing = await catalog.findObject(first.bucket, 'k')
      expect(await catalog.publish(second.id, sampleObject(second))).toEqual({ kind: 'conflict' })
      expect(await catalog.findObject(first.bucket, 'k')).toEqual(standing)
      expect((await stateOf(catalog, second.id)).state).toEqual({ kind: 'finishing' })
      expect(await refsOf(catalog, second.segment)).toBe(1)
    })

    test('to the same key in another bucket is no conflict', async () => {
      const catalog = await open()
      await uploadIn(catalog, 'complete', { key: 'k', bucket: 'one' })
      const second = await uploadIn(catalog, 'finishing', { key: 'k', bucket: 'two' })
      expect(await catalog.publish(second.id, sampleObject(second))).toMatchObject({ kind: 'published' })
    })

    test('over another object releases what it replaced, from then on', async () => {
      const catalog = await open()
      const first = await uploadIn(catalog, 'complete', { key: 'k' })
      const second = await uploadIn(catalog, 'finishing', { key: 'k', precondition: 'none' })
      const object = sampleObject(second, { createdAt: 7000, since: 7000 })
      const before = await catalog.findObject(first.bucket, 'k')
      expect(await catalog.publish(second.id, object)).toMatchObject({ kind: 'published' })
      // What points to the object from elsewhere goes on pointing to it.
      const { id = '', since = 0 } = before ?? {}
      expect(await catalog.findObject(second.bucket, 'k')).toEqual({ ...object, id, since })
      expect(await catalog.objects(undefined, 10)).toEqual([{ ...object, id, since }])
      expect(await refsOf(catalog, first.segment)).toBe(0)
      expect(await released(catalog, 6999)).toEqual([])
      expect(await released(catalog, 7000)).toEqual([first.segment])
    })

    test('of two at once to one key that had to be free, exactly one succeeds', async () => {
      const catalog = await open()
      const uploads = await Promise.all(
        Array.from({ length: 8 }, () => uploadIn(catalog, 'finishing', { key: 'k' })),
      )
      const results = await Promise.all(uploads.map((it) => catalog.publish(it.id, sampleObject(it))))
      expect(results.filter(({ kind }) => kind === 'published')).toHaveLength(1)
      expect(results.filter(({ kind }) => kind === 'conflict')).toHaveLength(7)
      expect((await catalog.counts()).objects).toBe(1)
    })

    test('an object of no bytes needs no segment: the upload’s is released', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'finishing', { length: 0 })
      const object = sampleObject(upload, { segments: [], createdAt: 3000 })
      await catalog.publish(upload.id, object)
      expect(await catalog.findObject(upload.bucket, upload.key)).toEqual(object)
      expect(await released(catalog, 3000)).toEqual([upload.segment])
    })

    test('segments of an object keep their order and are counted by reference', async () => {
      const catalog = await open()
      const [a, b] = [await uploadIn(catalog, 'finishing'), await uploadIn(catalog, 'finishing')]
      const piece = (upload: UploadRecord, length: number) => ({ segment: upload.segment, length })
      const object = sampleObject(a, { segments: [piece(b, 5), piece(a, 3), piece(b, 5)], size: 13 })
      await catalog.publish(a.id, object)
      expect(await catalog.findObject(a.bucket, a.key)).toEqual(object)
      expect(await refsOf(catalog, a.segment)).toBe(1)
      expect(await refsOf(catalog, b.segment)).toBe(3)
    })

    test('an object of bytes that nobody recorded is refused', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'finishing')
      const object = sampleObject(upload, { segments: [{ segment: newSegmentId(), length: 100 }] })
      await expect(catalog.publish(upload.id, object)).rejects.toMatchObject({ name: 'CatalogError' })
      expect(await catalog.findObject(upload.bucket, upload.key)).toBeUndefined()
      expect((await stateOf(catalog, upload.id)).state).toEqual({ kind: 'finishing' })
      expect(await refsOf(catalog, upload.segment)).toBe(1)
    })
  })

  describe('segments', () => {
    test.each(['cancelled', 'expired', 'failed'] as const)(
      'of a %s upload are released at once, for no reader ever saw them',
      async (kind) => {
        const catalog = await open()
        const { segment } = await uploadIn(catalog, kind)
        expect(await released(catalog, 0)).toEqual([segment])
      },
    )

    test('of running uploads and objects are not released and not forgotten', async () => {
      const catalog = await open()
      const uploads = [
        await uploadIn(catalog, 'open'),
        await uploadIn(catalog, 'finishing'),
        await uploadIn(catalog, 'sealed'),
        await uploadIn(catalog, 'complete'),
      ]
      expect(await released(catalog, Number.MAX_SAFE_INTEGER)).toEqual([])
      await catalog.forgetSegments(uploads.map(({ segment }) => segment))
      for (const { segment } of uploads) expect(await refsOf(catalog, segment)).toBe(1)
    })

    test('are listed oldest release first, at most as many as asked', async () => {
      const catalog = await open()
      const ids = Array.from({ length: 5 }, newSegmentId)
      for (const [at, id] of ids.entries()) await catalog.adoptSegments([id], 100 - at)
      expect(await catalog.releasedSegments(99, 2)).toEqual([ids[4], ids[3]])
      expect(await catalog.releasedSegments(99, 100)).toEqual(ids.slice(1).reverse())
    })

    test('are forgotten when their bytes are gone', async () => {
      const catalog = await open()
      const { segment } = await uploadIn(catalog, 'cancelled')
      await catalog.forgetSegments([segment, newSegmentId()])
      expect(await refsOf(catalog, segment)).toBeUndefined()
      expect(await released(catalog, 0)).toEqual([])
    })

    test('that had no row get one, released when told', async () => {
      const catalog = await open()
      const ids = [newSegmentId(), newSegmentId()].sort()
      await catalog.adoptSegments(ids, 5000)
      expect(await released(catalog, 4999)).toEqual([])
      expect((await released(catalog, 5000)).sort()).toEqual(ids)
      expect(await catalog.segments(undefined, 10)).toEqual(ids.map((id) => ({ id, refs: 0 })))
    })

    test('that have a row are not adopted: one would take away what another counts on', async () => {
      const catalog = await open()
      const { segment } = await uploadIn(catalog, 'open')
      const other = newSegmentId()
      await expect(catalog.adoptSegments([other, segment], 1)).rejects.toMatchObject({ name: 'CatalogError' })
      expect(await refsOf(catalog, segment)).toBe(1)
      expect(await refsOf(catalog, other)).toBeUndefined()
    })

    test('are paged in ascending order', async () => {
      const catalog = await open()
      const ids = Array.from({ length: 25 }, newSegmentId).sort()
      await catalog.adoptSegments([...ids].reverse(), 1)
      expect(await pages((after: SegmentId | undefined) => catalog.segments(after, 10))).toEqual(ids)
    })
  })

  describe('lists', () => {
    test('show unfinished uploads page by page, and no others', async () => {
      const catalog = await open()
      const wanted: UploadId[] = []
      for (let n = 0; n < 12; n += 1) wanted.push((await uploadIn(catalog, 'open')).id)
      for (let n = 0; n < 3; n += 1) wanted.push((await uploadIn(catalog, 'finishing')).id)
      for (const kind of ['complete', 'cancelled', 'expired', 'failed'] as const)
        await uploadIn(catalog, kind)
      expect(await pages((after: UploadId | undefined) => catalog.unfinished(after, 4))).toEqual(
        wanted.sort(),
      )
    })

    test('show open and sealed uploads whose expiry has come, oldest first, and no others', async () => {
      const catalog = await open()
      const late = await uploadIn(catalog, 'sealed', { expiresAt: 200 })
      const later = await uploadIn(catalog, 'open', { expiresAt: 100 })
      await uploadIn(catalog, 'open', { expiresAt: 201 })
      for (const kind of ['finishing', 'complete', 'cancelled', 'failed'] as const)
        await uploadIn(catalog, kind, { expiresAt: 100 })
      expect(await catalog.expired(200, 10)).toEqual([later, late])
      expect(await catalog.expired(200, 1)).toEqual([later])
      expect(await catalog.expired(99, 10)).toEqual([])
    })

    test('forget uploads that ended long ago, a few at a time, and never a complete one', async () => {
      const catalog = await open()
      const kept = [
        await uploadIn(catalog, 'open'),
        await uploadIn(catalog, 'finishing'),
        await uploadIn(catalog, 'complete'),
      ]
      for (const kind of ['cancelled', 'expired', 'failed', 'failed'] as const) await uploadIn(catalog, kind)
      expect(await catalog.forgetEnded(3999, 10)).toBe(0)
      expect(await catalog.forgetEnded(4000, 3)).toBe(3)
      expect(await catalog.forgetEnded(4000, 3)).toBe(1)
      expect(await catalog.forgetEnded(Number.MAX_SAFE_INTEGER, 10)).toBe(0)
      for (const upload of kept) expect(await catalog.findUpload(upload.id)).toEqual(upload)
    })

    test('show objects page by page', async () => {
      const catalog = await open()
      for (let n = 0; n < 9; n += 1) await uploadIn(catalog, 'complete')
      const all = await catalog.objects(undefined, 100)
      expect(all).toHaveLength(9)
      const versions = all.map(({ version }) => version)
      expect(versions).toEqual([...versions].sort())
      const second = await catalog.objects(versions[3], 4)
      expect(second.map(({ version }) => version)).toEqual(versions.slice(4, 8))
    })

    test('count uploads by state, and objects', async () => {
      const catalog = await open()
      const none = { open: 0, finishing: 0, sealed: 0, complete: 0, cancelled: 0, expired: 0, failed: 0 }
      expect(await catalog.counts()).toEqual({ uploads: none, objects: 0 })
      const kinds = ['open', 'finishing', 'complete', 'cancelled', 'expired', 'failed', 'sealed'] as const
      for (const [at, kind] of kinds.entries()) for (let n = 0; n <= at; n += 1) await uploadIn(catalog, kind)
      expect(await catalog.counts()).toEqual({
        uploads: { open: 1, finishing: 2, complete: 3, cancelled: 4, expired: 5, failed: 6, sealed: 7 },
        objects: 3,
      })
    })
  })

  describe('digests', () => {
    test('are missing until they are recorded', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'complete')
      const [object] = await catalog.undigested(10)
      expect(object?.digests).toEqual({})
      const digests = { 'sha-256': 'ab'.repeat(32), crc32: '00000000' }
      await catalog.setDigests(object?.version ?? '', digests)
      expect(await catalog.undigested(10)).toEqual([])
      expect((await catalog.findObject(upload.bucket, upload.key))?.digests).toEqual(digests)
    })

    test('that are known when the object is published are there from then on', async () => {
      const catalog = await open()
      const upload = await uploadIn(catalog, 'finishing')
      const object = sampleObject(upload, { digests: { 'sha-256': 'cd'.repeat(32) } })
      await catalog.publish(upload.id, object)
      expect(await catalog.findObject(upload.bucket, upload.key)).toEqual(object)
      expect(await catalog.undigested(10)).toEqual([])
    })

    test('of a version that is gone are dropped', async () => {
      const catalog = await open()
      await catalog.setDigests('00'.repeat(16), { md5: 'ab'.repeat(16) })
      expect(await catalog.undigested(10)).toEqual([])
    })

    test('are asked for a few at a time', async () => {
      const catalog = await open()
      for (let n = 0; n < 3; n += 1) await uploadIn(catalog, 'complete')
      expect(await catalog.undigested(2)).toHaveLength(2)
    })
  })

  describe('a catalog as a whole', () => {
    test('fails one operation without taking those beside it', async () => {
      const catalog = await open()
      const taken = await uploadIn(catalog, 'open')
      const [before, after] = [sampleUpload(), sampleUpload()]
      const results = await Promise.allSettled([
        catalog.insertUpload(before),
        catalog.insertUpload({ ...sampleUpload(), id: taken.id }),
        catalog.insertUpload(after),
        catalog.findUpload(before.id),
      ])
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
      expect(await catalog.findUpload(before.id)).toEqual(before)
      expect(await catalog.findUpload(after.id)).toEqual(after)
    })

    const ordered = inOrder ? test : () => {}
    ordered('does what was asked first first', async () => {
      const catalog = await open()
      const upload = sampleUpload()
      const [, found, , ended] = await Promise.all([
        catalog.insertUpload(upload),
        catalog.findUpload(upload.id),
        catalog.endUpload(upload.id, ['open'], { kind: 'cancelled' }, 1),
        catalog.findUpload(upload.id),
      ])
      expect(found?.state.kind).toBe('open')
      expect(ended?.state.kind).toBe('cancelled')
    })

    test('does what was asked before it was closed, refuses what comes after, and closes twice', async () => {
      const catalog = await open()
      const upload = sampleUpload()
      const last = catalog.insertUpload(upload)
      await catalog.close()
      await expect(last).resolves.toBeUndefined()
      await expect(catalog.findUpload(upload.id)).rejects.toMatchObject({
        name: 'CatalogError',
        code: 'unavailable',
      })
      await catalog.close()
    })
  })
}

/** The ids of everything that paging shows, each page asked for after the last id of the one before. */
async function pages<I extends string>(
  page: (after: I | undefined) => Promise<readonly { readonly id: I }[]>,
): Promise<I[]> {
  const ids: I[] = []
  for (;;) {
    const found = await page(ids.at(-1))
    if (found.length === 0) return ids
    ids.push(...found.map(({ id }) => id))
  }
}
