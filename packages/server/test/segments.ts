/** Where the bytes of uploads lie on the disk, looked up in a copy of the catalog, as the server locks its own. */
import { cp, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { until } from './until.ts'

export interface CatalogCopy {
  /** Path of the file that holds an upload's bytes, by the id at the end of its URL. */
  readonly segments: ReadonlyMap<string, string>
  /** Uploads by state. */
  readonly states: ReadonlyMap<string, number>
  readonly objects: number
}

export async function readCatalog(dataDir: string): Promise<CatalogCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-catalog-'))
  try {
    const path = join(folder, 'catalog.sqlite')
    await cp(join(dataDir, 'catalog.sqlite'), path)
    await cp(join(dataDir, 'catalog.sqlite-wal'), `${path}-wal`).catch(() => {})
    const db = new DatabaseSync(path)
    const segments = new Map<string, string>()
    const states = new Map<string, number>()
    for (const row of db.prepare('SELECT id, segment, state FROM uploads').all()) {
      const segment = String(row.segment)
      segments.set(String(row.id), join(dataDir, 'blobs', 'segments', segment.slice(0, 2), segment))
      const state = String(row.state)
      states.set(state, (states.get(state) ?? 0) + 1)
    }
    const objects = Number(db.prepare('SELECT count(*) AS n FROM objects').get()?.n ?? 0)
    db.close()
    return { segments, states, objects }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export function idIn(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}

/** The file that holds the upload's bytes: a look at it disturbs nobody, while HEAD ends a silent writer. */
export async function fileOf(dataDir: string, url: string): Promise<string> {
  let path: string | undefined
  await until('the upload is in the catalog', async () => {
    // A copy taken in the middle of a checkpoint may make no sense.
    const copy = await readCatalog(dataDir).catch(() => undefined)
    path = copy?.segments.get(idIn(url))
    return path !== undefined
  })
  return path ?? ''
}

/** Resolves when the file holds so many bytes; the first of them make it. */
export async function written(path: string, length: number): Promise<void> {
  await until(`${length} bytes are written`, async () => {
    const size = await stat(path).then(
      (state) => state.size,
      () => 0,
    )
    return size >= length
  })
}
