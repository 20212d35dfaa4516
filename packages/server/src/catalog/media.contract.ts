/** What every catalog promises of media files, their tokens and folders. */
import { describe, expect, test } from 'vitest'
import { mediaReady } from '../events/event.ts'
import {
  type GrantRecord,
  MEDIA_BUCKET,
  type MediaFile,
  newMediaId,
  ROOT_FOLDER,
  UNSEEN,
} from '../media/media-file.ts'
import type { UploadRecord } from '../uploads/upload.ts'
import type { Catalog } from './catalog.ts'
import type { MediaOutcome } from './media-records.ts'
import { sampleObject, sampleUpload } from './sample-records.ts'

const DAY = 86_400_000
const owner = { role: 'service_role' } as const

const grantOf = (given: Partial<GrantRecord> = {}): GrantRecord => ({
  fingerprint: newMediaId(),
  kind: 'resumable',
  owner,
  file: newMediaId(),
  name: undefined,
  size: undefined,
  declaredType: 'text/plain',
  folder: ROOT_FOLDER,
  path: [],
  private: false,
  labels: ['a'],
  external: { origin: 'o', externalIds: ['1'] },
  expiresAt: DAY,
  used: false,
  ...given,
})

const fileOf = (given: Partial<MediaFile> = {}): MediaFile => ({
  id: newMediaId(),
  owner,
  name: 'x',
  declaredType: 'text/plain',
  folder: ROOT_FOLDER,
  private: true,
  labels: [],
  external: undefined,
  status: 'PENDING',
  deleted: false,
  createdAt: 1,
  updatedAt: 1,
  version: undefined,
  size: undefined,
  ...UNSEEN,
  sourceUrl: 'http://source.example/x',
  importing: { headers: { a: 'b' }, startedAt: 1, upload: undefined, validator: undefined },
  ...given,
})

const ready: MediaOutcome = {
  kind: 'ready',
  type: 'text/plain',
  mediaType: 'DOCUMENT',
  md5: 'm',
  sha256: 's',
  facts: { width: 1, height: 2, orientation: 6, duration: 1.5, bitrate: 3, format: 'f', thumbnail: true },
}
const event = (key: string) =>
  mediaReady({ bucket: MEDIA_BUCKET, key, type: 'text/plain', owner, size: 5, file: { id: key } }, 9)

/** @param open - a new, empty catalog that keeps events */
export function mediaContract(open: () => Promise<Catalog>): void {
  async function uploadOf(
    catalog: Catalog,
    key: string,
    given: Partial<UploadRecord> = {},
  ): Promise<UploadRecord> {
    const upload = sampleUpload({ face: 'media', bucket: MEDIA_BUCKET, key, precondition: 'none', ...given })
    await catalog.insertUpload(upload)
    return upload
  }
  async function published(catalog: Catalog, key: string, at = 1000) {
    const upload = await uploadOf(catalog, key)
    await catalog.beginFinish(upload.id, upload.length ?? 0)
    const object = { ...sampleObject(upload), createdAt: at }
    return { object, result: await catalog.publish(upload.id, object) }
  }

  describe('a token', () => {
    test('is found as it was, by its fingerprint, and an owner has only so many', async () => {
      const catalog = await open()
      const grants = [grantOf({ size: 5, name: 'n', path: ['a'] }), grantOf()]
      for (const grant of grants) expect(await catalog.insertGrant(grant, 2)).toBe(true)
      expect(await catalog.insertGrant(grantOf(), 2)).toBe(false)
      expect(await catalog.insertGrant(grantOf({ owner: { role: 'authenticated', sub: 'a' } }), 2)).toBe(true)
      for (const grant of grants) expect(await catalog.findGrant(grant.fingerprint)).toEqual(grant)
      expect(await catalog.findGrant('none')).toBeUndefined()
    })

    test('becomes a file once its bytes are there, and is the same file ever after', async () => {
      const catalog = await open()
      const grant = grantOf({ path: ['p', 'q'] })
      await catalog.insertGrant(grant, 9)
      expect((await catalog.finalizeGrant('none', 'n', 5)).kind).toBe('unknown')
      expect((await catalog.finalizeGrant(grant.fingerprint, 'n', 5)).kind).toBe('incomplete')
      const { object } = await published(catalog, grant.file)
      const result = await catalog.finalizeGrant(grant.fingerprint, 'n', 5)
      if (result.kind !== 'finalized') throw new Error(result.kind)
      expect(result.file).toMatchObject({
        id: grant.file,
        name: 'n',
        version: object.version,
        size: object.size,
      })
      const [folder] = await catalog.findFolders([result.file.folder])
      expect([folder?.name, (await catalog.findFolders([folder?.parent ?? '']))[0]?.name]).toEqual(['q', 'p'])
      expect(await catalog.finalizeGrant(grant.fingerprint, 'other', 6)).toEqual({
        kind: 'again',
        file: result.file,
      })
      expect(await catalog.findMedia([grant.file, 'none'])).toEqual([result.file])
    })

    test('gives its file no other bytes once it is one, whoever uploads them', async () => {
      const catalog = await open()
      const grant = grantOf()
      await catalog.insertGrant(grant, 9)
      expect((await published(catalog, grant.file)).result.kind).toBe('published')
      const second = await published(catalog, grant.file)
      expect(second.result.kind).toBe('published')
      await catalog.finalizeGrant(grant.fingerprint, 'n', 5)
      expect((await published(catalog, grant.file)).result.kind).toBe('denied')
      expect((await catalog.findObject(MEDIA_BUCKET, grant.file))?.version).toBe(second.object.version)
    })

    test('waits for an upload that is to take the place of the bytes that are there', async () => {
      const catalog = await open()
      const grant = grantOf()
      await catalog.insertGrant(grant, 9)
      await published(catalog, grant.file, 1000)
      const newer = await uploadOf(catalog, grant.file, { createdAt: 2000 })
      expect((await catalog.openMediaUploads(grant.file)).map(({ id }) => id)).toEqual([newer.id])
      expect((await catalog.finalizeGrant(grant.fingerprint, 'n', 5)).kind).toBe('incomplete')
      await catalog.endUpload(newer.id, ['open'], { kind: 'cancelled' }, 3000)
      expect((await catalog.finalizeGrant(grant.fingerprint, 'n', 5)).kind).toBe('finalized')
    })

    test('of another size becomes no file', async () => {
      const catalog = await open()
      const grant = grantOf({ size: 1 })
      await catalog.insertGrant(grant, 9)
      const { object } = await published(catalog, grant.file)
      const expected = { kind: 'size', actual: object.size, declared: 1 }
      expect(await catalog.finalizeGrant(grant.fingerprint, 'n', 5)).toEqual(expected)
      expect(await catalog.findMedia([grant.file])).toEqual([])
    })

    test('is forgotten with bytes that nobody finalized, never with a file, and not while bytes come', async () => {
      const catalog = await open()
      const [left, used, busy, young] = [grantOf(), grantOf(), grantOf(), grantOf({ expiresAt: 3 * DAY })]
      for (const grant of [left, used, busy, young]) {
        await catalog.insertGrant(grant, 9)
        if (grant !== busy) await published(catalog, grant.file)
      }
      await uploadOf(catalog, busy.file)
      await catalog.finalizeGrant(used.fingerprint, 'n', 5)
      expect(await catalog.forgetGrants(2 * DAY, 100, 9)).toBe(2)
      const there = async ({ fingerprint, file }: GrantRecord) => [
        (await catalog.findGrant(fingerprint)) !== undefined,
        (await catalog.findObject(MEDIA_BUCKET, file)) !== undefined,
      ]
      expect(await Promise.all([left, used, busy, young].map(there))).toEqual([
        [false, false],
        [false, true],
        [true, false],
        [true, true],
      ])
    })
  })

  describe('a file', () => {
    test('that is imported is as it was said, takes up its bytes, and is settled once, with an event', async () => {
      const catalog = await open()
      const file = await catalog.insertMedia(fileOf(), [])
      expect(await catalog.findMedia([file.id])).toEqual([file])
      expect(await catalog.mediaArrived(file.id, 2)).toBeUndefined()
      const importing = { headers: {}, startedAt: 1, upload: sampleUpload({}).id, validator: '"v"' }
      await catalog.noteImport(file.id, importing)
      expect((await catalog.pendingMedia(undefined, 10))[0]?.importing).toEqual(importing)
      const { object } = await published(catalog, file.id)
      expect(await catalog.mediaArrived(file.id, 2)).toMatchObject({
        version: object.version,
        importing: undefined,
      })
      const before = (await catalog.outboxCounts()).pending
      expect(await catalog.settleMedia(file.id, ready, 9, event(file.id))).toBe(true)
      expect(await catalog.settleMedia(file.id, ready, 9, event(file.id))).toBe(false)
      expect((await catalog.outboxCounts()).pending).toBe(before + 1)
      const { kind, ...found } = ready
      expect((await catalog.findMedia([file.id]))[0]).toMatchObject({
        ...found,
        status: 'READY',
        updatedAt: 9,
      })
      expect(await catalog.pendingMedia(undefined, 10)).toEqual([])
    })

    test('goes with its bytes and its thumbnail', async () => {
      const catalog = await open()
      const file = await catalog.insertMedia(fileOf(), [])
      for (const key of [file.id, `${file.id}/thumbnail`]) await published(catalog, key)
      expect(await catalog.removeMedia([file.id, 'none'], 5)).toBe(1)
      for (const key of [file.id, `${file.id}/thumbnail`]) {
        expect(await catalog.findObject(MEDIA_BUCKET, key)).toBeUndefined()
      }
    })

    test('out of the trash lies in its folder, or in the root when that is gone', async () => {
      const catalog = await open()
      const file = await catalog.insertMedia(fileOf(), ['f'])
      expect(await catalog.trashMedia([file.id], true, 2)).toBe(1)
      expect(await catalog.trashMedia([file.id], true, 2)).toBe(0)
      await catalog.trashMedia([file.id], false, 3)
      expect((await catalog.findMedia([file.id]))[0]?.folder).toBe(file.folder)
      await catalog.trashMedia([file.id], true, 4)
      await catalog.trashFolders([file.folder], true, 4)
      await catalog.trashMedia([file.id], false, 5)
      expect((await catalog.findMedia([file.id]))[0]).toMatchObject({ folder: ROOT_FOLDER, deleted: false })
    })
  })

  test('folders with many files below them are removed a batch at a time', async () => {
    const catalog = await open()
    const first = await catalog.insertMedia(fileOf(), ['a', 'b'])
    const [inner] = await catalog.findFolders([first.folder])
    for (let i = 0; i < 24; i += 1) await catalog.insertMedia(fileOf({ folder: first.folder }), [])
    const outer = inner?.parent ?? ''
    expect(await catalog.removeFolders([outer], 10, 5)).toBe(false)
    expect(await catalog.removeFolders([outer], 10, 5)).toBe(false)
    expect(await catalog.removeFolders([outer], 10, 5)).toBe(true)
    expect(await catalog.findFolders([outer, first.folder])).toEqual([])
    expect(await catalog.findMedia([first.id])).toEqual([])
  })
}
