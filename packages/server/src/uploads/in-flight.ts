/** What is under way, for whoever runs the server: looked at without touching it, unlike `inspect`. */
import type { BlobStore } from '../blobs/blob-store.ts'
import type { Catalog, UnfinishedState } from '../catalog/catalog.ts'
import { reach } from './engine.ts'
import type { ActiveTransfer, Transfers } from './transfers.ts'
import { acceptedLength, type UploadId, type UploadRecord } from './upload.ts'

export interface InFlight {
  readonly upload: UploadRecord
  readonly state: UnfinishedState
  /** Bytes accepted so far. */
  readonly offset: number
  /** Bytes a second of the request that is writing now, since it began; undefined when none is. */
  readonly rate: number | undefined
}

interface InFlightParts {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly transfers: Transfers
}

/** Uploads that have not come to their end, by id, after `after`. @throws UploadError `unavailable` */
export async function inFlight(
  { catalog, blobs, transfers }: InFlightParts,
  after: UploadId | undefined,
  limit: number,
): Promise<InFlight[]> {
  const found = await reach(() => catalog.unfinished(after, limit))
  const writing = new Map(transfers.active.map((transfer) => [transfer.lease.upload, transfer]))
  return Promise.all(
    found.map(async (upload): Promise<InFlight> => {
      const transfer = writing.get(upload.id)
      const offset = await offsetOf(blobs, upload, transfer)
      const rate = transfer && transfer.moved / Math.max(transfer.seconds, 0.001)
      // The catalog gives no others.
      const state = upload.state.kind as UnfinishedState
      return { upload, state, offset, rate }
    }),
  )
}

async function offsetOf(
  blobs: BlobStore,
  upload: UploadRecord,
  transfer: ActiveTransfer | undefined,
): Promise<number> {
  if (upload.state.kind !== 'open' || upload.concat.kind === 'final') return upload.length ?? upload.durable
  const length = transfer?.offset ?? (await reach(() => blobs.inspect(upload.segment)))?.length ?? 0
  return acceptedLength(upload, length)
}
