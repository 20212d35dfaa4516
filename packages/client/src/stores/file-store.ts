/** Tokens as files in a folder that only its owner can read. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject } from '../json.ts'
import { parseToken } from '../session.ts'
import type { SessionStore, StoredSession } from './session-store.ts'

/**
 * Each token is replaced as a whole, so that a crash leaves the old one or the new one. A file that cannot be
 * read as a token counts as none.
 * @param directory Made with mode 0700 when needed; files have mode 0600.
 */
export function fileStore(directory: string): SessionStore {
  const pathOf = (id: string) => join(directory, `${createHash('sha256').update(id).digest('hex')}.json`)
  return {
    get: async (id) => {
      const stored = await read(pathOf(id))
      return stored?.id === id ? stored.token : undefined
    },
    set: async (id, token) => {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const path = pathOf(id)
      const next = `${path}.${randomUUID()}.tmp`
      const file = await open(next, 'wx', 0o600)
      try {
        await file.writeFile(JSON.stringify({ id, token }))
        await file.datasync()
      } finally {
        await file.close()
      }
      await rename(next, path)
    },
    delete: (id) => rm(pathOf(id), { force: true }),
    list: async () => {
      const names = await readdir(directory).catch(() => [])
      const stored = await Promise.all(
        names.filter((name) => name.endsWith('.json')).map((name) => read(join(directory, name))),
      )
      return stored.filter((session) => session !== undefined)
    },
  }
}

async function read(path: string): Promise<StoredSession | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (!isObject(value) || typeof value.id !== 'string') return undefined
    return { id: value.id, token: parseToken(value.token) }
  } catch {
    return undefined
  }
}
