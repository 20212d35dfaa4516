import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { outboxContract } from '../outbox.contract.ts'
import { sampleObject, sampleUpload } from '../sample-records.ts'
import { openMemoryCatalog } from './memory-catalog.ts'
import { migrate } from './migrations.ts'
import { sqliteOperations } from './operations.ts'
import { openSqliteCatalog } from './sqlite-catalog.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function openFile(path?: string, keepEvents = true) {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-outbox-'))
  cleanups.push(() => rm(folder, { recursive: true }))
  const file = path ?? join(folder, 'catalog.sqlite')
  const catalog = await openSqliteCatalog({ path: file, lockTimeout: 100, keepEvents })
  cleanups.push(() => catalog.close())
  return { catalog, file }
}

describe('the outbox in memory', () => {
  outboxContract(async (keepEvents) => openMemoryCatalog({ keepEvents }))
})

describe('the outbox in a SQLite file', () => {
  outboxContract(async (keepEvents) => (await openFile(undefined, keepEvents)).catalog)

  test('keeps what waits when it is closed and opened again', async () => {
    const { catalog, file } = await openFile()
    await catalog.insertUpload(sampleUpload())
    const before = await catalog.pendingEvents(10)
    await catalog.close()
    const again = await openFile(file)
    expect(await again.catalog.pendingEvents(10)).toEqual(before)
    expect(before).toHaveLength(1)
  })
})

test('what is due is found by index, however many events wait behind others', () => {
  const db = new DatabaseSync(':memory:')
  migrate(db, { may: true })
  const log = { keep: true, live: false, told: [] }
  const operations = sqliteOperations(db, log)
  db.exec('BEGIN')
  for (let i = 0; i < 3000; i += 1) {
    const upload = sampleUpload()
    operations.insertUpload(upload)
    operations.beginFinish(upload.id, 100)
    operations.publish(upload.id, sampleObject(upload))
    log.told = []
  }
  db.exec('COMMIT')
  const [first] = operations.pendingEvents(1)
  const begin = performance.now()
  for (let i = 0; i < 1000; i += 1) operations.pendingEvents(8)
  for (let i = 0; i < 1000; i += 1) operations.eventFailed(first?.id ?? '', { kind: 'retry', dueAt: i })
  // Together some tens of milliseconds; a scan of all rows would take that long every few times.
  expect(performance.now() - begin).toBeLessThan(3000)
  db.close()
})
