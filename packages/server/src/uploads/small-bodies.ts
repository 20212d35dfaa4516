/**
 * A small body that comes whole in the first request of an upload gets no file of its own: it is gathered in
 * memory, put into a pack, and its object published, in one step from `open` to `complete`. Until then the
 * upload stands at 0. Whatever goes another way (the client breaks off, the key is taken, the disk is full)
 * puts what arrived into a file, as if it had come there.
 */
import type { SegmentWriter } from '../blobs/blob-store.ts'
import { digestOf } from '../blobs/digests.ts'
import type { AppendRequest } from './append.ts'
import type { Engine } from './engine.ts'
import { UploadError } from './errors.ts'
import type { Finished } from './finish.ts'
import type { Lease } from './lease.ts'
import { past } from './length.ts'
import { limited } from './limited.ts'
import type { Packer } from './packer.ts'
import { isOurs, type TransferEnd, transfer } from './transfer.ts'
import type { UploadId, UploadRecord } from './upload.ts'

/** Bytes; larger bodies are worth a file. */
export const SMALL_BYTES = 64 * 1024
/** Bytes of all bodies gathered at a time; beyond it bodies go the way of large ones. */
const HELD_BYTES = 16 * 1024 * 1024
/** Uploads known to be untouched; those made before that many others are no longer. */
const MOST_UNTOUCHED = 10_000

export class SmallBodies {
  readonly packer: Packer
  /** Made by this process, and no byte was ever to be written for them: they have no file. */
  readonly #untouched = new Set<UploadId>()
  #held = 0

  constructor(packer: Packer) {
    this.packer = packer
  }

  /** Whether an upload's body may come to be packed. */
  expects({ concat, length }: UploadRecord): boolean {
    return concat.kind === 'whole' && length !== undefined && length > 0 && length <= SMALL_BYTES
  }

  /** An upload was made. */
  made(upload: UploadRecord): void {
    if (!this.expects(upload)) return
    this.#untouched.add(upload.id)
    if (this.#untouched.size <= MOST_UNTOUCHED) return
    for (const oldest of this.#untouched) {
      this.#untouched.delete(oldest)
      return
    }
  }

  /** A file is made for it, or it ended. */
  touched(id: UploadId): void {
    this.#untouched.delete(id)
  }

  /** Memory for all of `request`'s body, when it may go into a pack. To be given back. */
  admit(engine: Engine, upload: UploadRecord, request: AppendRequest): GatheredBody | undefined {
    return this.#untouched.has(upload.id) ? this.#admit(engine, upload, request) : undefined
  }

  /** The same for an upload that is not there yet. */
  admitNew(engine: Engine, upload: UploadRecord, request: AppendRequest): GatheredBody | undefined {
    return this.expects(upload) ? this.#admit(engine, upload, request) : undefined
  }

  #admit({ hooks }: Engine, upload: UploadRecord, request: AppendRequest): GatheredBody | undefined {
    const { length } = upload
    const fits =
      length !== undefined &&
      // What ends by word has an outcome of its own for a body that is cut.
      upload.ending === undefined &&
      request.ends !== 'not-here' &&
      request.offset === 0 &&
      request.declared === length &&
      (request.length ?? length) === length &&
      this.#held + length <= HELD_BYTES
    // A hook may take its time: bytes must be in a place of their own by then. What was demanded of them can
    // make the upload fail, which has its own steps.
    if (!fits || hooks.has('beforeFinish') || Object.keys(upload.digests.demanded).length > 0)
      return undefined
    this.#held += length
    return new GatheredBody(length)
  }

  giveBack({ budget }: Engine, { size, bytes, ours }: GatheredBody): void {
    this.#held -= size
    if (ours) budget.spent([bytes])
    else budget.left(bytes.byteLength)
  }
}

/** Stands in for a segment while a body is gathered. */
export class GatheredBody implements SegmentWriter {
  /** Bytes that it may have. */
  readonly size: number
  /** See `isOurs`. */
  ours = false
  #bytes: Uint8Array = new Uint8Array(0)
  #length = 0

  constructor(size: number) {
    this.size = size
  }

  get length(): number {
    return this.#length
  }

  /** What has arrived. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      // Mostly a single chunk is all of it; otherwise many small ones must not cost more than their bytes.
      if (this.#length === 0 && chunk.byteLength === this.size) this.#bytes = chunk
      else {
        if (this.#bytes.byteLength < this.size) this.#bytes = Buffer.allocUnsafeSlow(this.size)
        this.#bytes.set(chunk, this.#length)
      }
      this.#length += chunk.byteLength
    }
  }

  /** All others were copied. */
  keeps(chunk: Uint8Array): boolean {
    return chunk === this.#bytes
  }

  async truncate(length: number): Promise<void> {
    this.#length = Math.min(this.#length, length)
  }

  async close(): Promise<void> {}
}

export type SmallOutcome =
  | { readonly kind: 'finished'; readonly finished: Finished }
  /** What was gathered counts, and goes into the upload's own file. */
  | { readonly kind: 'unpacked'; readonly end: TransferEnd }
  /** None of it counts. */
  | { readonly kind: 'dropped' }

/**
 * @param insert - makes the upload, where it is not there yet: only if its object can be published in the same step
 * @throws UploadError `checksum-mismatch`, `past-end`, `overloaded`, `over-quota`, `unavailable`; and what `checksum` throws
 */
export async function takeSmall(
  engine: Engine,
  upload: UploadRecord,
  request: AppendRequest,
  lease: Lease,
  body: GatheredBody,
  packer: Packer,
  insert?: () => Promise<void>,
): Promise<SmallOutcome> {
  lease.offset = 0
  const end = await limited(engine, upload, request.declared, lease, body, () => {
    const source = request.open()
    body.ours = isOurs(source)
    return transfer({
      source,
      writer: body,
      lease,
      budget: engine.budget,
      limit: body.size,
      holdLast: false,
      onWritten() {},
    })
  })
  if (end.kind === 'overflow') throw past(upload, body.size)
  const whole = end.kind === 'ended' && body.length === body.size
  if (request.checksum !== undefined) {
    if (end.kind !== 'ended') return { kind: 'dropped' }
    const { algorithm, digest } = request.checksum()
    if (digestOf([body.bytes], [algorithm])[algorithm] !== digest) {
      throw new UploadError(
        'checksum-mismatch',
        `the body does not have the ${algorithm} that it names: send it again`,
      )
    }
  }
  const finished = whole ? await engine.finisher.finishPacked(upload, body.bytes, packer, insert) : undefined
  return finished === undefined ? { kind: 'unpacked', end } : { kind: 'finished', finished }
}
