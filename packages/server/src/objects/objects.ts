/** Objects as the faces see them. */
import type { Readable } from 'node:stream'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { reach } from '../uploads/engine.ts'
import type { ObjectRecord } from './object.ts'
import { readObject } from './read.ts'
import type { Readers } from './readers.ts'

export interface Objects {
  /** @throws UploadError `unavailable` */
  find(bucket: string, key: string): Promise<ObjectRecord | undefined>
  /** Bytes `start` to `end`, exclusive; the object stays whole for this reader whatever happens to it. */
  read(object: ObjectRecord, start: number, end: number): Readable
}

export function objectsOver(catalog: Catalog, blobs: BlobStore, readers: Readers): Objects {
  return {
    find: (bucket, key) => reach(() => catalog.findObject(bucket, key)),
    read: (object, start, end) => readObject(blobs, readers, object, start, end),
  }
}
