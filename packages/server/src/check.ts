/**
 * `pawl check`: what the next start would find and mend, without mending it; on request every object is read
 * and compared with its digest.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type { BlobStore } from './blobs/blob-store.ts'
import { DiskStore } from './blobs/disk/disk-store.ts'
import type { Catalog } from './catalog/catalog.ts'
import { openSqliteCatalog } from './catalog/sqlite/sqlite-catalog.ts'
import { blobsUrl } from './config-values.ts'
import { redactId } from './log.ts'
import { type Finding, findings } from './uploads/repair.ts'
import { openPaired } from './uploads/start.ts'

const HELP = `pawl check: compares records and bytes, changes nothing

  --data <folder>   the data folder (default ./data, or PAWL_DATA); bytes are in S3 where PAWL_BLOBS_URL says so
  --digests         also read every object and compare it with its sha-256
  --help

Stop the server first. Exit code 0: nothing found; 1: something found; 2: could not check.
`

const BATCH = 500

export async function check(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { data: { type: 'string' }, digests: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help === true) {
    console.log(HELP)
    return 0
  }
  if (values.data === undefined && env.PAWL_DATABASE_URL) {
    throw new Error(
      'PAWL_DATABASE_URL names a catalog in Postgres, and only one in a data folder can be checked',
    )
  }
  const data = values.data ?? env.PAWL_DATA ?? './data'
  const path = join(data, 'catalog.sqlite')
  if (!existsSync(path)) throw new Error(`there is no catalog in ${data}`)
  const catalog = await openSqliteCatalog({ path, lockTimeout: 1000, migrate: false })
  const blobs = await blobsFor(data, env.PAWL_BLOBS_URL, catalog)
  try {
    const { trusted } = await openPaired(catalog, blobs)
    let found = 0
    for await (const finding of findings(catalog, blobs, trusted)) {
      found += 1
      console.log(describe(finding))
    }
    if (values.digests === true) found += await compareDigests(catalog, blobs)
    const { uploads, objects } = await catalog.counts()
    console.log(
      `${objects} objects, ${uploads.open + uploads.finishing} unfinished uploads, ${found} findings`,
    )
    return found === 0 ? 0 : 1
  } finally {
    await blobs.close()
    await catalog.close()
  }
}

async function blobsFor(data: string, url: string | undefined, catalog: Catalog): Promise<BlobStore> {
  if (url === undefined) return new DiskStore({ folder: join(data, 'blobs'), reserve: 0 })
  const { S3Store } = await import('./blobs/s3/s3-store.ts')
  return new S3Store({ ...blobsUrl(url, 'PAWL_BLOBS_URL'), parts: catalog })
}

function describe(finding: Finding): string {
  switch (finding.kind) {
    case 'cut':
      return `upload ${redactId(finding.upload.id)}: after a reboot, would be cut from ${finding.from} to the durable ${finding.to} bytes`
    case 'take-back':
      return `upload ${redactId(finding.upload.id)}: would be cut from ${finding.from} to ${finding.to} bytes: the rest was never verified`
    case 'shorter':
      return `upload ${redactId(finding.upload.id)}: the disk lost bytes, ${finding.length} of ${finding.upload.durable} durable ones are left; would go on from there`
    case 'lost':
      return `upload ${redactId(finding.upload.id)}: ${finding.why}; would be given up`
    case 'unfinished':
      return `upload ${redactId(finding.upload.id)}: all ${finding.length} bytes are there, would be finished`
    case 'orphan':
      return `segment ${finding.segment}: no record knows it; would be kept for seven days`
    case 'missing':
      return `segment ${finding.segment}: its bytes are gone, an object cannot be read whole: restore it from a backup`
  }
}

async function compareDigests(catalog: Catalog, blobs: BlobStore): Promise<number> {
  let found = 0
  let read = 0
  let after: string | undefined
  for (;;) {
    const page = await catalog.objects(after, BATCH)
    for (const object of page) {
      read += 1
      if (read % 1000 === 0) console.error(`${read} objects read …`)
      let actual: string | undefined
      try {
        actual = (await blobs.digest(object.segments, ['sha-256']))['sha-256']
        // Damaged before a server could read it, an object never gets a digest: it was read all the same.
        if (actual === (object.digests['sha-256'] ?? actual)) continue
      } catch (error) {
        actual = error instanceof Error ? error.message : String(error)
      }
      found += 1
      console.log(`object ${redactId(object.key)}: its bytes are not the ones that were accepted (${actual})`)
    }
    after = page.at(-1)?.version
    if (page.length < BATCH) return found
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.exitCode = await check(process.argv.slice(2), process.env)
  } catch (error) {
    console.error(`pawl check: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 2
  }
}
