import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { catalogContract } from '../catalog.contract.ts'
import type { Catalog } from '../catalog.ts'
import { mediaContract } from '../media.contract.ts'
import { packsContract } from '../packs.contract.ts'
import { sampleObject, sampleUpload } from '../sample-records.ts'
import { segmentPartsContract } from '../segment-parts.contract.ts'
import { storageContract } from '../storage.contract.ts'
import { openSqliteCatalog } from './sqlite-catalog.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function newPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-catalog-'))
  cleanups.push(() => rm(folder, { recursive: true }))
  return join(folder, 'catalog.sqlite')
}

async function open(path: string, lockTimeout = 100, keepEvents = false): Promise<Catalog> {
  const catalog = await openSqliteCatalog({ path, lockTimeout, keepEvents })
  cleanups.push(() => catalog.close())
  return catalog
}

describe('the catalog in a SQLite file', () => {
  catalogContract(async () => open(await newPath()))
  storageContract(async () => open(await newPath()))
  packsContract(async () => open(await newPath()))
  segmentPartsContract(async () => open(await newPath()))
  mediaContract(async () => open(await newPath(), 100, true))

  test('keeps everything when it is closed and opened again', async () => {
    const path = await newPath()
    const first = await open(path)
    const [running, done] = [sampleUpload(), sampleUpload({ owner: { role: 'authenticated', sub: 'ada' } })]
    await first.pairWith('a'.repeat(32))
    await first.insertUpload(running)
    await first.insertUpload(done)
    await first.beginFinish(done.id, 100)
    const object = sampleObject(done)
    await first.publish(done.id, object)
    const counts = await first.counts()
    await first.close()

    const second = await open(path)
    expect(await second.pairWith('b'.repeat(32))).toEqual({ paired: 'a'.repeat(32) })
    expect(await second.findUpload(running.id)).toEqual(running)
    expect((await second.findUpload(done.id))?.state).toEqual({
      kind: 'complete',
      answer: { version: object.version, object: object.id, publishedAt: object.createdAt },
    })
    expect(await second.findObject(done.bucket, done.key)).toEqual(object)
    expect(await second.counts()).toEqual(counts)
  })

  test('commits a thousand operations at once as a few groups', async () => {
    const catalog = await open(await newPath())
    const uploads = Array.from({ length: 1000 }, () => sampleUpload())
    await Promise.all(uploads.map((upload) => catalog.insertUpload(upload)))
    expect((await catalog.counts()).uploads.open).toBe(1000)
  })
})

test('a record that cannot cross to the thread fails alone, and the catalog goes on', async () => {
  const catalog = await open(await newPath())
  // Nested deeper than the stack that clones it.
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i += 1) deep = [deep]
  const broken = catalog.insertUpload(sampleUpload({ userMetadata: { deep } }))
  const [sound, next] = [sampleUpload(), sampleUpload()]
  const beside = catalog.insertUpload(sound)
  await expect(broken).rejects.toMatchObject({ name: 'CatalogError', code: 'unavailable' })
  await beside
  await catalog.insertUpload(next)
  expect((await catalog.counts()).uploads.open).toBe(2)
})

describe('a second opener', () => {
  test('waits, then is told that another server has the folder', async () => {
    const path = await newPath()
    await open(path)
    const begin = performance.now()
    await expect(open(path, 300)).rejects.toMatchObject({
      name: 'CatalogError',
      code: 'locked',
      message: expect.stringMatching(/another server has this data folder open/),
    })
    const waited = performance.now() - begin
    expect(waited).toBeGreaterThan(250)
    expect(waited).toBeLessThan(5000)
  })

  test('gets in when the first lets go in time', async () => {
    const path = await newPath()
    const first = await open(path)
    await first.insertUpload(sampleUpload())
    const second = open(path, 10_000)
    await new Promise((resolve) => setTimeout(resolve, 200))
    await first.close()
    expect((await (await second).counts()).uploads.open).toBe(1)
  })
})

describe('a file that is not for this version', () => {
  test('is refused with what to do when a newer Pawl wrote it, and left as it is', async () => {
    const path = await newPath()
    await (await open(path)).close()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 9999')
    db.close()
    await expect(open(path)).rejects.toMatchObject({
      name: 'CatalogError',
      code: 'newer',
      message: expect.stringMatching(/version 9999.*start the newer Pawl/),
    })
    const after = new DatabaseSync(path)
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: 9999 })
    after.close()
  })

  test('is refused as damaged when it is no database', async () => {
    const path = await newPath()
    await writeFile(path, 'these bytes are no database, and there are enough of them to tell. '.repeat(100))
    await expect(open(path)).rejects.toMatchObject({ name: 'CatalogError', code: 'damaged' })
  })

  test('is refused when its folder is not there', async () => {
    await expect(open(join(await newPath(), 'missing', 'catalog.sqlite'))).rejects.toMatchObject({
      name: 'CatalogError',
      code: 'unavailable',
    })
  })

  test('with a row that makes no sense fails that row, and no other', async () => {
    const path = await newPath()
    const [sound, broken] = [sampleUpload(), sampleUpload()]
    const first = await open(path)
    await first.insertUpload(sound)
    await first.insertUpload(broken)
    await first.close()
    const db = new DatabaseSync(path)
    db.prepare("UPDATE uploads SET state = 'dreaming' WHERE id = ?").run(broken.id)
    db.close()
    const catalog = await open(path)
    await expect(catalog.findUpload(broken.id)).rejects.toMatchObject({ code: 'damaged' })
    expect(await catalog.findUpload(sound.id)).toEqual(sound)
  })
})
