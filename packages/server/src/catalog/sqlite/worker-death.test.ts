import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from 'vitest'
import { sampleUpload } from '../sample-records.ts'
import { openSqliteCatalog } from './sqlite-catalog.ts'

const started: Worker[] = []
const remember = (worker: Worker) => void started.push(worker)
process.on('worker', remember)
afterAll(() => void process.off('worker', remember))

test('when the thread dies, everything that waits for it and everything later is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-catalog-'))
  const catalog = await openSqliteCatalog({ path: join(folder, 'catalog.sqlite'), lockTimeout: 0 })
  const kept = sampleUpload()
  await catalog.insertUpload(kept)
  const waiting = Promise.allSettled([catalog.counts(), catalog.insertUpload(sampleUpload())])
  await started.at(-1)?.terminate()
  const unavailable = { name: 'CatalogError', code: 'unavailable' }
  for (const result of await waiting) {
    // What got through before the thread died has happened; nothing waits for ever.
    if (result.status === 'rejected') expect(result.reason).toMatchObject(unavailable)
  }
  await expect(catalog.findUpload(kept.id)).rejects.toMatchObject(unavailable)
  await expect(catalog.insertUpload(sampleUpload())).rejects.toMatchObject(unavailable)
  await catalog.close()

  const next = await openSqliteCatalog({ path: join(folder, 'catalog.sqlite'), lockTimeout: 5000 })
  expect(await next.findUpload(kept.id)).toEqual(kept)
  await next.close()
  await rm(folder, { recursive: true })
})
