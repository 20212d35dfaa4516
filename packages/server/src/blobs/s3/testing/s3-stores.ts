/** Stores over any S3 server, with a catalog in memory that has a row for whatever segment a test names. */
import type { Catalog } from '../../../catalog/catalog.ts'
import type { Hold } from '../../../catalog/segment-parts.ts'
import { openMemoryCatalog } from '../../../catalog/sqlite/memory-catalog.ts'
import type { SegmentId, SegmentWriter } from '../../blob-store.ts'
import { S3Store, type S3StoreOptions } from '../s3-store.ts'

export class LooseS3Store extends S3Store {
  readonly catalog: Catalog
  /** Names of the calls so far. */
  readonly calls: string[]

  constructor(catalog: Catalog, options: Omit<S3StoreOptions, 'parts'>) {
    const calls: string[] = []
    super({ parts: catalog, onCall: (call) => void calls.push(call), ...options })
    this.catalog = catalog
    this.calls = calls
  }

  /** In the server, an upload's row brings that of its segment. */
  override async openWriter(segment: SegmentId, hold?: Hold): Promise<SegmentWriter> {
    if ((await this.catalog.storedSegment(segment)) === undefined)
      await this.catalog.adoptSegments([segment], Date.now())
    return super.openWriter(segment, hold)
  }

  /** In the server, the sweep forgets the row of what it removed. */
  override async remove(segment: SegmentId): Promise<void> {
    await super.remove(segment)
    await this.catalog.forgetSegments([segment])
  }
}

let last = 0

/** A store of its own in the bucket `bucket` of the server. */
export async function s3StoreAt(
  server: { readonly endpoint: string; readonly credentials?: S3StoreOptions['credentials'] },
  options: Partial<S3StoreOptions> = {},
  catalog: Catalog = openMemoryCatalog(),
): Promise<LooseS3Store> {
  last += 1
  const store = new LooseS3Store(catalog, {
    bucket: 'bucket',
    prefix: `store-${process.pid}-${last}/`,
    endpoint: server.endpoint,
    region: undefined,
    forcePathStyle: true,
    credentials: server.credentials ?? { accessKeyId: 'a', secretAccessKey: 'b' },
    ...options,
  })
  await store.open()
  return store
}
