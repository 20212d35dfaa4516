/**
 * Sessions of this user: one file each, replaced as a whole. A record is written before anything is sent, so
 * that `pawl resume` also finds the files that had to wait when the process was killed.
 */
import { createHash } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SessionToken } from 'pawl'
import { type Lock, locksIn } from './locks.ts'

export interface SessionRecord {
  /** Version of this format. */
  readonly pawlSession: 1
  readonly id: string
  /** Absolute path of the source. */
  readonly file: string
  readonly place: string
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Of the source, when the upload began: milliseconds since 1970. */
  readonly modified: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Bytes that the provider had acknowledged when this was written. */
  readonly loaded: number
  /** Absent until the provider has a session. Treat it like a password. */
  readonly token?: SessionToken
}

/** The same file to the same place is the same upload; a new version of the file is another one. */
export function recordId(
  upload: Pick<SessionRecord, 'file' | 'place' | 'key' | 'size' | 'modified'>,
): string {
  const { file, place, key, size, modified } = upload
  const name = JSON.stringify([file, place, key, size, modified])
  return createHash('sha256').update(name).digest('hex').slice(0, 12)
}

export interface Records {
  get(id: string): Promise<SessionRecord | undefined>
  /** Only under the record's lock. @param durable Wait until it is on the disk. */
  put(record: SessionRecord, durable: boolean): Promise<void>
  delete(id: string): Promise<void>
  /** Oldest first. */
  list(): Promise<SessionRecord[]>
  /** @returns the lock, or the number of the process that has it */
  lock(id: string): Promise<Lock | number>
}

/** @param folder Made before. */
export function recordsIn(folder: string): Records {
  const locks = locksIn(join(folder, 'locks.sqlite'))
  const pathOf = (id: string) => join(folder, `${id}.json`)
  return {
    get: (id) => read(pathOf(id)),
    put: async (record, durable) => {
      const next = `${pathOf(record.id)}.tmp`
      const file = await open(next, 'w', 0o600)
      try {
        await file.writeFile(JSON.stringify(record))
        if (durable) await file.datasync()
      } finally {
        await file.close()
      }
      await rename(next, pathOf(record.id))
    },
    delete: async (id) => {
      await rm(pathOf(id), { force: true })
      // What a killed process left behind can be as secret as the record.
      await rm(`${pathOf(id)}.tmp`, { force: true })
    },
    list: async () => {
      const names = await readdir(folder).catch(() => [])
      const found = await Promise.all(
        names.filter((name) => name.endsWith('.json')).map((name) => read(join(folder, name))),
      )
      return found
        .filter((record) => record !== undefined)
        .sort((a, b) => a.startedAt - b.startedAt || (a.key < b.key ? -1 : 1))
    },
    lock: (id) => locks.take(id),
  }
}

/** A torn or foreign file counts as none; the token inside is checked by the library when it is used. */
async function read(path: string): Promise<SessionRecord | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is SessionRecord {
  if (typeof value !== 'object' || value === null || !('pawlSession' in value) || value.pawlSession !== 1)
    return false
  const fields = new Map<string, unknown>(Object.entries(value))
  return (
    ['id', 'file', 'place', 'key'].every((name) => typeof fields.get(name) === 'string') &&
    ['size', 'modified', 'startedAt', 'loaded'].every((name) => Number.isSafeInteger(fields.get(name)))
  )
}
