/**
 * Objects in this process's memory: for tests and for trying things out.
 *
 * Can: every operation, both shapes of upload, pause and resume in this process, conditions.
 * Cannot: outlive the process. A token resumes only with the adapter instance that made it; `url` is a
 * `data:` URL; there are no signed uploads.
 */

import { encodeBase64 } from '@pawl/protocol'
import type { Adapter } from '../../adapter.ts'
import { FilesError } from '../../errors.ts'
import { type StoredFile, storedFile, streamOf } from '../../stored-file.ts'
import { listPage } from '../listing.ts'
import { memoryLanes } from './lanes.ts'
import { memoryParts } from './parts.ts'

export interface MemoryObject {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly contentType: string
  readonly metadata: Readonly<Record<string, string>>
  readonly etag: string
  readonly lastModified: number
  /** The upload that made it: whose answer was lost can ask whether it made it. */
  readonly session: string | undefined
}

export interface MemoryStore {
  readonly objects: Map<string, MemoryObject>
  /** Unfinished uploads, by session id. */
  readonly sessions: Map<string, unknown>
}

export interface MemoryOptions {
  /** Which of the engine's shapes to use. */
  readonly shape?: 'parts' | 'offset'
  /** Smallest part or chunk, in bytes. */
  readonly minPartSize?: number
}

export function memory(options: MemoryOptions = {}): Adapter<MemoryStore> {
  const store: MemoryStore = { objects: new Map(), sessions: new Map() }
  const place = crypto.randomUUID()
  const { shape = 'parts', minPartSize = 1 } = options

  const get = (key: string): MemoryObject => {
    const object = store.objects.get(key)
    if (object) return object
    throw new FilesError('NotFound', `there is no object ${JSON.stringify(key)}`)
  }
  const file = (
    key: string,
    { bytes, contentType, etag, lastModified, metadata }: MemoryObject,
  ): StoredFile =>
    storedFile(
      { key, size: bytes.length, type: contentType, etag, lastModified, metadata: { ...metadata } },
      () => streamOf(bytes),
    )

  return {
    name: 'memory',
    place,
    raw: store,
    traits: {
      rangeRead: true,
      delimiter: true,
      metadata: true,
      conditions: ['create', 'replace'],
      serverSideCopy: true,
      resumable: false,
    },
    driver: (intent) =>
      shape === 'parts' ? memoryParts(store, intent, minPartSize) : memoryLanes(store, intent, minPartSize),
    download: async (key, range) => {
      const object = get(key)
      return file(key, range ? { ...object, bytes: object.bytes.slice(range.start, end(range.end)) } : object)
    },
    head: async (key) => file(key, get(key)),
    delete: async (key) => {
      store.objects.delete(key)
    },
    copy: async (from, to) => {
      store.objects.set(to, { ...get(from), lastModified: Date.now(), session: undefined })
    },
    list: async (query) => listPage([...store.objects.keys()], query, (key) => file(key, get(key))),
    url: async (key) => {
      const { contentType, bytes } = get(key)
      return `data:${contentType};base64,${encodeBase64(bytes)}`
    },
  }
}

function end(inclusive: number | undefined): number | undefined {
  return inclusive === undefined ? undefined : inclusive + 1
}
