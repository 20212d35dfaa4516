/** `store.json`: which store this folder is, and during which boot of the machine it was last put in order. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { StoreError } from '../blob-store.ts'
import { errnoOf } from './errno.ts'
import { syncFolder } from './synced-folders.ts'

const Marker = z.object({ identity: z.string().regex(/^[0-9a-f]{32}$/), boot: z.string().nullable() })
export type Marker = z.infer<typeof Marker>

const NAME = 'store.json'

export function hasMarker(folder: string): boolean {
  return existsSync(join(folder, NAME))
}

export async function readMarker(folder: string): Promise<{ marker: Marker; fresh: boolean }> {
  const path = join(folder, NAME)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    const marker: Marker = { identity: randomBytes(16).toString('hex'), boot: null }
    await writeMarker(folder, marker)
    return { marker, fresh: true }
  }
  try {
    return { marker: Marker.parse(JSON.parse(text)), fresh: false }
  } catch (error) {
    throw new StoreError(
      'damaged',
      `${path} cannot be read: restore it from a backup of the data folder`,
      error,
    )
  }
}

/** Replaces the file as a whole: a crash leaves the old one or the new one. */
export async function writeMarker(folder: string, marker: Marker): Promise<void> {
  const path = join(folder, NAME)
  const fresh = `${path}.new`
  const handle = await open(fresh, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(marker)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, path)
  await syncFolder(folder)
}
