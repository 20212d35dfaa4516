/**
 * Makes an object of a multipart upload with strays on servers that complete only all parts that were ever sent: all
 * of them become one object, a mixture, out of which S3 copies what counts. Every step finds out from the catalog and
 * the object's length where an earlier one, here or elsewhere, was left. See docs/design/s3-store.md.
 */
import type { Rescue, StrayPart } from '../../catalog/rescue.ts'
import type { SegmentParts, StoredPart } from '../../catalog/segment-parts.ts'
import { type SegmentId, StoreError } from '../blob-store.ts'
import type { Bucket } from './bucket.ts'
import { isRefusedPart, wasGone } from './faults.ts'
import { mixedIn, type Piece, piecesOf } from './rescue-plan.ts'

/** Each try goes on from the one before; another is needed only when others were at it meanwhile. */
const TRIES = 4
/** Pieces that S3 copies at a time. */
const AT_ONCE = 4

/** A segment that grows no more, whose multipart upload cannot be completed by what is recorded. */
export interface Strayed {
  readonly segment: SegmentId
  readonly key: string
  /** Its multipart upload. */
  readonly session: string
  /** What counts. */
  readonly parts: readonly StrayPart[]
  /** Bytes of that. */
  readonly length: number
  /** The same with ETags, once the end of it is a part as well. */
  readonly listed: () => Promise<readonly StoredPart[]>
}

/** @throws StoreError; when it is done, or another process was faster, the object has what counts */
export async function rescue(bucket: Bucket, catalog: SegmentParts, strayed: Strayed): Promise<void> {
  const { segment, key, length } = strayed
  for (let tries = 0; tries < TRIES; tries += 1) {
    const stored = await catalog.storedSegment(segment)
    if (stored === undefined || stored.sealed) return
    const known = stored.rescue
    if (known?.into === undefined && !(await mix(bucket, catalog, strayed, known))) continue
    const actual = await bucket.lengthOf(key)
    if (actual === undefined || actual === length) return
    if (await copyOut(bucket, catalog, strayed, actual)) return
  }
  throw new StoreError('unavailable', `parts that nobody wants keep coming to segment ${segment}`)
}

/** Completes with the strays, once they are recorded. False: others came, or another process was faster. */
async function mix(
  bucket: Bucket,
  catalog: SegmentParts,
  { segment, key, session, listed }: Strayed,
  known: Rescue | undefined,
): Promise<boolean> {
  const found = await bucket.partsOf(key, session)
  if (found === undefined) return true
  const counting = await listed().catch((error: unknown) => {
    if (!wasGone(error)) throw error
  })
  if (counting === undefined) return true
  const counts = new Set(counting.map(({ number }) => number))
  const strays = found.filter(({ number }) => !counts.has(number))
  const before = known?.strays ?? []
  const recorded = new Set(before.map(({ number }) => number))
  const more = strays.filter(({ number }) => !recorded.has(number))
  if (more.length > 0) {
    const next = { strays: [...before, ...more], into: undefined }
    if (!(await catalog.recordRescue(segment, known, next))) return false
  }
  try {
    const all = [...counting, ...strays].sort((a, b) => a.number - b.number)
    await bucket.complete(key, session, all)
    return true
  } catch (error) {
    // With no strays it is not about strays.
    if (isRefusedPart(error) && strays.length > 0) return false
    throw error
  }
}

/** Copies what counts out of the mixture, which the object is. False: another process was faster, or gave up. */
async function copyOut(
  bucket: Bucket,
  catalog: SegmentParts,
  { segment, key, parts, length }: Strayed,
  actual: number,
): Promise<boolean> {
  // Read behind the look at the object: what that is made of was recorded before it was made.
  const stored = await catalog.storedSegment(segment)
  if (stored === undefined || stored.sealed) return true
  const strays = mixedIn(length, stored.rescue?.strays ?? [], actual)
  if (stored.rescue === undefined || strays === undefined)
    throw new StoreError('damaged', `segment ${segment} became ${actual} bytes of ${length}`)
  const into = stored.rescue.into ?? (await begin(bucket, catalog, segment, key, stored.rescue))
  if (into === undefined) return false
  const copied = await copyPieces(bucket, key, into, piecesOf(parts, strays)).catch((error: unknown) => error)
  // Only while the object is the mixture are its ranges those of the pieces: looked at after they were copied.
  if ((await bucket.lengthOf(key)) !== actual) return false
  if (Array.isArray(copied)) {
    await bucket.complete(key, into, copied)
    return true
  }
  if (!wasGone(copied)) throw unlessDamaged(copied)
  // The mixture is still there, so it was not completed: somebody aborted it.
  await catalog.recordRescue(segment, { ...stored.rescue, into }, { ...stored.rescue, into: undefined })
  return false
}

/** The mixture has its length, so all of it can be read: what cannot now may be read later. */
function unlessDamaged(error: unknown): StoreError {
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError('unavailable', message, error)
}

/** The multipart upload for what counts, recorded; undefined when another process recorded one. */
async function begin(
  bucket: Bucket,
  catalog: SegmentParts,
  segment: SegmentId,
  key: string,
  known: Rescue,
): Promise<string | undefined> {
  const into = await bucket.begin(key)
  if (await catalog.recordRescue(segment, known, { ...known, into })) return into
  await bucket.abort(key, into)
  return undefined
}

/** Those that are not there yet. @throws StoreError, see `wasGone` */
async function copyPieces(
  bucket: Bucket,
  key: string,
  into: string,
  pieces: readonly Piece[],
): Promise<StoredPart[]> {
  const found = await bucket.partsOf(key, into)
  if (found === undefined) throw new StoreError('missing', `the multipart upload ${into} is no more`)
  const there = new Map(found.map((part) => [part.number, part]))
  const copied: StoredPart[] = []
  const left = pieces.values()
  let failed = false
  const lane = async (): Promise<void> => {
    for (const { number, from, to } of left) {
      if (failed) return
      const known = there.get(number)
      const etag =
        known?.length === to - from ? known.etag : await bucket.copyPart(key, into, number, key, { from, to })
      copied.push({ number, etag, length: to - from })
    }
  }
  const lanes = Array.from({ length: AT_ONCE }, () =>
    lane().catch((error: unknown) => {
      failed = true
      throw error
    }),
  )
  await Promise.allSettled(lanes)
  await Promise.all(lanes)
  return copied.sort((a, b) => a.number - b.number)
}
