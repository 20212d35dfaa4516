/**
 * Puts records and bytes in agreement at start, before any request. `findings` only looks, so that `pawl
 * check` can show what a start would do; `mend` does it.
 */
import type { BlobStore, SegmentId, SegmentState } from '../blobs/blob-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Finisher } from './finish.ts'
import { RELEASE_GRACE_MS } from './sweep.ts'
import { endsAtLength, type UploadId, type UploadRecord } from './upload.ts'

export type Finding =
  /** Another boot of the machine: bytes that no sync covered are not believed. */
  | { readonly kind: 'cut'; readonly upload: UploadRecord; readonly from: number; readonly to: number }
  /** A checksummed request was cut by a crash: none of its bytes are accepted. */
  | { readonly kind: 'take-back'; readonly upload: UploadRecord; readonly from: number; readonly to: number }
  /** The disk lost bytes it had promised; what is there is a prefix, the client sends the rest again. */
  | { readonly kind: 'shorter'; readonly upload: UploadRecord; readonly length: number }
  /** The disk lost the file, or it is longer than it can be. */
  | { readonly kind: 'lost'; readonly upload: UploadRecord; readonly why: string }
  /** All bytes are there; publishing did not come to its end. */
  | { readonly kind: 'unfinished'; readonly upload: UploadRecord; readonly length: number }
  /** Bytes that no record knows: the catalog is older than the blob folder. */
  | { readonly kind: 'orphan'; readonly segment: SegmentId }
  /** A record whose bytes are gone: an object that cannot be read whole. */
  | { readonly kind: 'missing'; readonly segment: SegmentId }

const BATCH = 500
/** Orphans are kept this long, so that a mistake in restoring a backup can be mended. */
const ORPHAN_GRACE_MS = 7 * 24 * 60 * 60 * 1000

export async function* findings(
  catalog: Catalog,
  blobs: BlobStore,
  trusted: boolean,
): AsyncGenerator<Finding> {
  /** Of uploads, without a file: either no byte came yet, or that is told with the upload. */
  const fileless = new Set<SegmentId>()
  for await (const upload of unfinished(catalog)) {
    // A final upload's bytes are those of sealed ones; a missing one shows among the segments.
    const segment =
      upload.concat.kind === 'final' ? undefined : await blobs.inspect(upload.segment, upload.stored)
    if (segment === undefined) fileless.add(upload.segment)
    const finding = look(upload, segment, trusted)
    if (finding !== undefined) yield finding
  }
  for await (const finding of compare(catalog, blobs)) {
    if (finding.kind === 'missing' && fileless.has(finding.segment)) continue
    yield finding
  }
}

/** @param segment - undefined while there is no file */
function look(
  upload: UploadRecord,
  segment: SegmentState | undefined,
  trusted: boolean,
): Finding | undefined {
  const finishing = upload.state.kind === 'finishing'
  if (upload.concat.kind === 'final') return { kind: 'unfinished', upload, length: upload.length ?? 0 }
  const length = segment?.length ?? 0
  if (segment === undefined && (upload.durable > 0 || (finishing && upload.length !== 0))) {
    return { kind: 'lost', upload, why: 'its file is gone' }
  }
  if (upload.length !== undefined && length > upload.length) {
    return { kind: 'lost', upload, why: `its file has ${length} bytes and the upload only ${upload.length}` }
  }
  if (finishing) return { kind: 'unfinished', upload, length: upload.length ?? length }
  // What ends by word never goes back: its client was promised that nothing is asked for again.
  if (upload.ending !== undefined && length < upload.durable) {
    return { kind: 'lost', upload, why: `its file has ${length} bytes and ${upload.durable} were accepted` }
  }
  if (upload.rollback !== undefined) {
    const to = Math.min(upload.rollback, trusted ? length : upload.durable)
    return { kind: 'take-back', upload, from: length, to }
  }
  if (length < upload.durable) return { kind: 'shorter', upload, length }
  if (!trusted && length > upload.durable) return { kind: 'cut', upload, from: length, to: upload.durable }
  if (length === upload.length && endsAtLength(upload)) return { kind: 'unfinished', upload, length }
  return undefined
}

/** Walks rows and files side by side, both in ascending order. */
async function* compare(catalog: Catalog, blobs: BlobStore): AsyncGenerator<Finding> {
  const rows = segmentRows(catalog)
  let row = (await rows.next()).value
  for await (const segment of blobs.list()) {
    while (row !== undefined && row.id < segment) {
      if (row.refs > 0) yield { kind: 'missing', segment: row.id }
      row = (await rows.next()).value
    }
    if (row?.id === segment) row = (await rows.next()).value
    else yield { kind: 'orphan', segment }
  }
  while (row !== undefined) {
    if (row.refs > 0) yield { kind: 'missing', segment: row.id }
    row = (await rows.next()).value
  }
}

export interface MendOptions {
  readonly catalog: Catalog
  readonly blobs: BlobStore
  readonly finisher: Finisher
  readonly now: () => number
  /** What could not be mended now and does not stop the start. */
  readonly onError: (finding: Finding, error: unknown) => void
}

/** Each mending may be done again: a crash in the middle is mended by the next start. */
export async function mend(finding: Finding, options: MendOptions): Promise<void> {
  const { catalog, blobs, finisher, now, onError } = options
  switch (finding.kind) {
    case 'cut':
      return blobs.truncate(finding.upload.segment, finding.to)
    case 'take-back':
      if (finding.to < finding.from) await blobs.truncate(finding.upload.segment, finding.to)
      await catalog.lowerDurable(finding.upload.id, Math.min(finding.from, finding.to))
      return catalog.setRollback(finding.upload.id, undefined)
    case 'shorter':
      return catalog.lowerDurable(finding.upload.id, finding.length)
    case 'lost': {
      const failure = { code: 'bytes-lost', message: `the storage lost bytes: ${finding.why}` } as const
      await catalog.endUpload(finding.upload.id, ['open', 'finishing'], { kind: 'failed', failure }, now())
      return
    }
    case 'unfinished':
      // Its outcome may be an error of its own (a lost race): that is an outcome too.
      await finisher.finish(finding.upload, finding.length).catch((error: unknown) => onError(finding, error))
      return
    case 'orphan':
      return catalog.adoptSegments([finding.segment], now() + ORPHAN_GRACE_MS - RELEASE_GRACE_MS)
    case 'missing':
      return
  }
}

async function* unfinished(catalog: Catalog): AsyncGenerator<UploadRecord> {
  let after: UploadId | undefined
  for (;;) {
    const page = await catalog.unfinished(after, BATCH)
    yield* page
    after = page.at(-1)?.id
    if (page.length < BATCH) return
  }
}

async function* segmentRows(catalog: Catalog): AsyncGenerator<{ id: SegmentId; refs: number }, undefined> {
  let after: SegmentId | undefined
  for (;;) {
    const page = await catalog.segments(after, BATCH)
    yield* page
    after = page.at(-1)?.id
    if (page.length < BATCH) return undefined
  }
}
