/**
 * A part that is too large for memory: a multipart upload of its own, of pieces that fit. It becomes an object that
 * S3 copies into a part, or a tail that the next request goes on with, which S3 copies as well. So an upload of
 * 5 TiB needs no more memory than any other, in requests of whatever size.
 */
import type { Hold, StoredPart, StoredTail } from '../../catalog/segment-parts.ts'
import type { Bucket } from './bucket.ts'
import { LEAST_PART } from './part-plan.ts'
import type { Tails } from './tails.ts'

export class LargePart {
  readonly #bucket: Bucket
  readonly #name: string
  readonly #session: string
  readonly #pieces: (Omit<StoredPart, 'etag'> & { etag?: string })[] = []
  length = 0

  private constructor(bucket: Bucket, name: string, session: string) {
    this.#bucket = bucket
    this.#name = name
    this.#session = session
  }

  /** @param tail - what it begins with */
  static async begin(
    bucket: Bucket,
    tails: Tails,
    hold: Hold,
    tail: StoredTail | undefined,
  ): Promise<{ readonly large: LargePart; readonly first: Uint8Array | undefined }> {
    const name = tails.newName(hold)
    const large = new LargePart(bucket, name, await bucket.begin(name))
    // Too short for a piece: its bytes come with the next one.
    if (tail !== undefined && tail.length < LEAST_PART) return { large, first: await tails.load(tail) }
    if (tail !== undefined) {
      const piece = large.#piece(tail.length)
      piece.etag = await bucket.copyPart(name, large.#session, piece.number, tail.name)
    }
    return { large, first: undefined }
  }

  /** All but the last have enough bytes for a part. They may be sent side by side. */
  async add(bytes: Uint8Array): Promise<void> {
    const piece = this.#piece(bytes.byteLength)
    piece.etag = await this.#bucket.putPart(this.#name, this.#session, piece.number, bytes)
  }

  /** Once every piece is there: an object. */
  async finish(): Promise<StoredTail> {
    const pieces = this.#pieces.map(({ etag = '', ...piece }) => ({ ...piece, etag }))
    await this.#bucket.complete(this.#name, this.#session, pieces)
    return { name: this.#name, length: this.length }
  }

  async abandon(): Promise<void> {
    await this.#bucket.abort(this.#name, this.#session)
  }

  #piece(length: number): Omit<StoredPart, 'etag'> & { etag?: string } {
    const piece = { number: this.#pieces.length + 1, length }
    this.#pieces.push(piece)
    this.length += length
    return piece
  }
}
