/**
 * A folder of the local file system, for Node, Bun and Deno.
 *
 * Can: every operation but signing; resume in another process, also after a crash of the machine (then the
 * part file is compared with the body and only the prefix that is right is kept); `condition: create`.
 * Cannot: keep content types, metadata or `Cache-Control`, because files have none.
 */

import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { constants, copyFile, readdir, rename, rm, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import type { Adapter, ByteRange } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { type StoredFile, storedFile } from '../../stored-file.ts'
import { PART_SUFFIX } from '../file-key.ts'
import { listPage } from '../listing.ts'
import { fsDriver } from './driver.ts'
import { etagOf } from './etag.ts'
import { errnoOf, onDisk } from './failure.ts'
import { makeFolder, partPath, pathOf } from './paths.ts'

export interface FsOptions {
  /** The folder that keys are paths below. Made when something is uploaded. */
  readonly root: string
}

export function fs({ root }: FsOptions): Adapter<{ readonly root: string }> {
  const file = async (key: string, range?: ByteRange): Promise<StoredFile> => {
    const path = pathOf(root, key)
    const facts = await stat(path)
    if (!facts.isFile()) throw new FilesError('NotFound', `${JSON.stringify(key)} is no file`)
    const end = range ? Math.min(range.end ?? facts.size - 1, facts.size - 1) : facts.size - 1
    const start = range?.start ?? 0
    return storedFile(
      {
        key,
        size: Math.max(0, end - start + 1),
        lastModified: Math.floor(facts.mtimeMs),
        etag: etagOf(facts),
      },
      () => bytesOf(path, start, end),
    )
  }
  return {
    name: 'fs',
    place: pathToFileURL(resolve(root)).href,
    raw: { root: resolve(root) },
    traits: {
      rangeRead: true,
      delimiter: true,
      serverSideCopy: true,
      conditions: ['create'],
      resumable: true,
    },
    driver: (intent) => fsDriver(root, intent),
    download: (key, range) => onDisk(`reading ${key}`, () => file(key, range)),
    head: (key) => onDisk(`looking at ${key}`, () => file(key)),
    delete: (key) => onDisk(`deleting ${key}`, () => rm(pathOf(root, key), { force: true })),
    copy: (from, to) =>
      onDisk(`copying ${from}`, async () => {
        const target = pathOf(root, to)
        await makeFolder(root, target)
        const part = partPath(root, to, randomUUID())
        try {
          await copyFile(pathOf(root, from), part, constants.COPYFILE_FICLONE)
          await rename(part, target)
        } finally {
          await rm(part, { force: true })
        }
      }),
    move: (from, to) =>
      onDisk(`moving ${from}`, async () => {
        const target = pathOf(root, to)
        await makeFolder(root, target)
        await rename(pathOf(root, from), target)
      }),
    list: (query) =>
      onDisk('listing', async () =>
        listPage(await keysBelow(root), query, async (key) => {
          try {
            return await file(key)
          } catch (error) {
            // Deleted since the folder was read.
            if (errnoOf(error) === 'ENOENT') return undefined
            throw error
          }
        }),
      ),
    url: async (key) => pathToFileURL(pathOf(root, key)).href,
  }
}

function bytesOf(path: string, start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stream = end < start ? Readable.from([]) : createReadStream(path, { start, end })
  return Readable.toWeb(stream) as ReadableStream<Uint8Array<ArrayBuffer>>
}

async function keysBelow(root: string): Promise<string[]> {
  try {
    const entries = await readdir(root, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile() && !entry.name.endsWith(PART_SUFFIX))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
