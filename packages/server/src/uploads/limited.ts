/** What every transfer passes through: its place among all of them, and room where its upload has no length yet. */
import type { SegmentWriter } from '../blobs/blob-store.ts'
import type { Engine } from './engine.ts'
import type { Lease } from './lease.ts'
import type { Growth } from './quota.ts'
import type { TransferEnd } from './transfer.ts'
import type { UploadRecord } from './upload.ts'

/**
 * @param declared - bytes the body will have; undefined when it does not say
 * @param move - moves the body
 * @throws UploadError `overloaded`, `over-quota`, `unavailable`; and what `move` throws
 */
export async function limited(
  { transfers, quota }: Engine,
  upload: UploadRecord,
  declared: number | undefined,
  lease: Lease,
  writer: SegmentWriter,
  move: (growth: Growth) => Promise<TransferEnd>,
): Promise<TransferEnd> {
  const active = transfers.begin(lease, writer)
  let end: TransferEnd | undefined
  try {
    const growth = await quota.grow(upload, writer.length, declared, () => lease.end('over-quota'))
    try {
      end = await move(growth)
    } finally {
      await growth.end(writer.length)
    }
    return end
  } finally {
    transfers.end(active, end === undefined ? 'failed' : end.kind === 'stopped' ? end.why : end.kind)
  }
}
