/** The two ways in which a body becomes part of an upload: byte by byte, or all together once it is verified. */
import type { SegmentWriter } from '../blobs/blob-store.ts'
import type { DigestAlgorithm } from '../blobs/digests.ts'
import type { Hold } from '../catalog/segment-parts.ts'
import type { AppendRequest } from './append.ts'
import { maxSizeOf } from './create.ts'
import { type Engine, reach, tellsDurable } from './engine.ts'
import { UploadError } from './errors.ts'
import type { Lease } from './lease.ts'
import { past } from './length.ts'
import type { Growth } from './quota.ts'
import { type TransferEnd, transfer } from './transfer.ts'
import type { UploadRecord } from './upload.ts'

/** Those that a request may name; it may do so behind its body. */
const CHECKSUMS = ['sha', 'sha-256', 'sha-512', 'md5', 'crc32', 'crc32c'] as const

/** What the bytes of one request must hash to. */
export interface Checksum {
  readonly algorithm: DigestAlgorithm
  /** Lower-case hex. */
  readonly digest: string
}

/** Every byte that arrives counts, at once. */
export async function takePlain(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
  lease: Lease,
  writer: SegmentWriter,
  growth: Growth,
): Promise<TransferEnd> {
  const begin = writer.length
  const { onAccepted } = request
  const waits = !engine.blobs.durable && tellsDurable(engine, upload)
  const watch = onAccepted && waits ? engine.durability.watch(upload) : undefined
  const end = await transfer({
    source: request.open(),
    writer,
    lease,
    budget: engine.budget,
    limit: (upload.length ?? maxSizeOf(upload, engine.limits)) - begin,
    holdLast: request.declared === undefined,
    last: true,
    onWritten: (length) => {
      growth.note(length)
      accept(engine, upload, lease, length)
      const reliable = watch?.synced ?? length
      if (reliable > begin) onAccepted?.(reliable)
    },
  }).finally(() => watch?.close())
  if (end.kind === 'overflow') {
    await takeBack(engine, upload, writer, begin, lease.hold)
    throw past(upload, maxSizeOf(upload, engine.limits))
  }
  return end
}

/** The bytes count all together once they have the checksum, or not at all. */
export async function takeChecksummed(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
  lease: Lease,
  writer: SegmentWriter,
  growth: Growth,
  checksum: () => Checksum,
): Promise<TransferEnd> {
  const begin = writer.length
  await reach(() => engine.catalog.setRollback(upload.id, begin, lease.hold))
  // What cannot be read before it is sealed has to be hashed as it comes, when its algorithm may be unknown yet.
  const passing = engine.blobs.readsOpen ? undefined : engine.blobs.follow(upload.segment, begin, CHECKSUMS)
  let kept = false
  try {
    const end = await transfer({
      source: request.open(),
      writer,
      lease,
      budget: engine.budget,
      limit: (upload.length ?? maxSizeOf(upload, engine.limits)) - begin,
      holdLast: false,
      onWritten: (length) => growth.note(length),
    })
    if (end.kind === 'overflow') throw past(upload, maxSizeOf(upload, engine.limits))
    if (end.kind !== 'ended') return end
    const { algorithm, digest } = checksum()
    const following = passing ?? engine.blobs.follow(upload.segment, begin, [algorithm])
    const actual = (await reach(() => following.finish(writer.length)))[algorithm]
    if (actual !== digest) {
      throw new UploadError(
        'checksum-mismatch',
        `the body does not have the ${algorithm} that it names: send it again`,
      )
    }
    await reach(async () => {
      engine.durability.refuseSetBack(upload.id)
      await engine.catalog.setRollback(upload.id, undefined, lease.hold)
    })
    kept = true
    accept(engine, upload, lease, writer.length)
    await reach(async () => writer.flush?.(true))
    return end
  } finally {
    passing?.cancel()
    if (!kept) await takeBack(engine, upload, writer, begin, lease.hold)
  }
}

/** A small body that did not get into a pack: what was gathered of it becomes the beginning of its segment. */
export async function takeGathered(
  engine: Engine,
  upload: UploadRecord,
  lease: Lease,
  writer: SegmentWriter,
  bytes: Uint8Array,
  end: TransferEnd,
): Promise<TransferEnd> {
  try {
    await writer.write([bytes])
    await writer.flush?.(true)
    return end
  } catch (error) {
    return { kind: 'failed', error }
  } finally {
    accept(engine, upload, lease, writer.length)
  }
}

/** Bytes up to `length` are in the upload's segment, and count. */
function accept(engine: Engine, upload: UploadRecord, lease: Lease, length: number): void {
  lease.offset = length
  engine.durability.note(upload, length)
  engine.digests.note(upload, length)
  engine.progress.note(upload, length)
}

/** Undoes what a request wrote, and what was set back: nothing of it may be durable or hashed any more. */
export async function takeBack(
  engine: Engine,
  upload: UploadRecord,
  writer: SegmentWriter,
  begin: number,
  hold: Hold | undefined,
): Promise<void> {
  await reach(async () => {
    const to = engine.durability.counted(upload.id, begin)
    const forget = async (): Promise<void> => {
      await engine.durability.forget(upload.id)
      // A look beside this request may have made more durable than its record says: only what is cut off is not.
      await engine.catalog.lowerDurable(upload.id, to)
    }
    engine.digests.forget(upload.id)
    await forget()
    await writer.truncate(to)
    // A look at the upload may have begun meanwhile to make durable what was still there.
    await forget()
    await engine.catalog.setRollback(upload.id, undefined, hold)
    engine.durability.recovered(upload.id)
  })
}
