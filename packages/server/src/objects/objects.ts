/** Objects as the faces see them. */
import type { Readable } from 'node:stream'
import type { BlobStore, RedirectHeaders } from '../blobs/blob-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { ListPage, ListRequest } from '../catalog/listing.ts'
import type { CopyResult, MoveResult } from '../catalog/object-changes.ts'
import type { Allowance } from '../catalog/usage.ts'
import { Garbage } from '../garbage.ts'
import { reach } from '../uploads/engine.ts'
import type { Verdict } from '../uploads/judge.ts'
import { newObjectId, newVersion, type ObjectRecord } from './object.ts'
import { readObject } from './read.ts'
import type { Readers } from './readers.ts'

/** Every method throws UploadError `unavailable` while the catalog is out of reach. */
export interface Objects {
  find(bucket: string, key: string): Promise<ObjectRecord | undefined>
  list(request: ListRequest): Promise<ListPage>
  /** Bytes `start` to `end`, exclusive; the object stays whole for this reader whatever happens to it. */
  read(object: ObjectRecord, start: number, end: number): Readable
  /** Where its bytes can be fetched without this server; undefined where that is not wanted, or not possible. */
  redirect(object: ObjectRecord, headers: RedirectHeaders): Promise<string | undefined>
  /** Resolves to those that were removed; one that was replaced or moved since it was found is not. */
  remove(objects: readonly ObjectRecord[]): Promise<ObjectRecord[]>
  /** A new object of the same bytes, none of which is copied. */
  copy(source: ObjectRecord, to: CopyTarget, may: Verdict): Promise<CopyResult>
  move(object: ObjectRecord, to: { readonly bucket: string; readonly key: string }): Promise<MoveResult>
}

type CopyTarget = Pick<ObjectRecord, 'bucket' | 'key' | 'owner' | 'headers' | 'userMetadata'>

export interface ObjectsOptions {
  readonly allowance?: Allowance | undefined
  /** How long an address is good that `redirect` gives. */
  readonly redirectSeconds?: number | undefined
  /** Told of what reading holds in memory, and leaves there. */
  readonly garbage?: Garbage
}

export function objectsOver(
  catalog: Catalog,
  blobs: BlobStore,
  readers: Readers,
  now: () => number,
  { allowance = {}, redirectSeconds, garbage = new Garbage() }: ObjectsOptions = {},
): Objects {
  return {
    find: (bucket, key) => reach(() => catalog.findObject(bucket, key)),
    list: (request) => reach(() => catalog.listObjects(request)),
    read: (object, start, end) => readObject({ blobs, readers, garbage }, object, start, end),
    async redirect({ segments, size }, headers) {
      const [only, ...others] = segments
      if (redirectSeconds === undefined || only === undefined || others.length > 0) return undefined
      if (only.length !== size || (only.start ?? 0) > 0) return undefined
      return reach(async () => blobs.redirect?.(only.segment, redirectSeconds, headers))
    },
    async remove(objects) {
      const found = objects.map(({ version, bucket, key }) => ({ version, bucket, key }))
      const gone = new Set(await reach(() => catalog.removeObjects(found, now())))
      return objects.filter(({ version }) => gone.has(version))
    },
    copy(source, to, may) {
      const at = now()
      const copy = { ...source, ...to, id: newObjectId(), version: newVersion(), createdAt: at, since: at }
      return reach(() => catalog.copyObject(source.version, copy, may, allowance))
    },
    move: ({ version, bucket, key }, to) =>
      reach(() => catalog.moveObject({ version, bucket, key }, to, now(), allowance)),
  }
}
