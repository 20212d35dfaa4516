/**
 * The digests of uploads while their bytes arrive: read behind the writer, so that they are known soon after
 * the last byte. What was lost (a restart, an error) is made good by one read at the end.
 */
import type { BlobStore } from '../blobs/blob-store.ts'
import type { DigestAlgorithm, Digests, FollowingDigest } from '../blobs/digests.ts'
import { SlotMap } from '../slot-map.ts'
import { piecesOf, type UploadId, type UploadRecord } from './upload.ts'

/** Hash states kept at a time; uploads beyond them are read once at their end. */
const MOST = 1000

export class UploadDigests {
  readonly #blobs: BlobStore
  /** In order of their last byte, the longest silent first. */
  readonly #following = new SlotMap<UploadId, FollowingDigest>()

  constructor(blobs: BlobStore) {
    this.#blobs = blobs
  }

  /** Bytes of `upload` are in its segment up to `length`, and accepted. */
  note(upload: UploadRecord, length: number): void {
    if (upload.concat.kind !== 'whole') return
    const digest =
      this.#following.get(upload.id) ?? this.#blobs.follow(upload.segment, 0, algorithmsOf(upload))
    this.#following.delete(upload.id)
    this.#following.set(upload.id, digest)
    digest.advance(length)
    for (const id of this.#following.keys()) {
      if (this.#following.size <= MOST) break
      this.forget(id)
    }
  }

  /** Bytes were taken back, or nobody wants them any more. */
  forget(id: UploadId): void {
    this.#following.get(id)?.cancel()
    this.#following.delete(id)
  }

  /** The digests of an upload that is whole, all `length` bytes. @throws StoreError */
  async finish(upload: UploadRecord, length: number): Promise<Digests> {
    const following = this.#following.get(upload.id)
    this.#following.delete(upload.id)
    const behind = await following?.finish(length).catch(() => undefined)
    return behind ?? this.#blobs.digest(piecesOf(upload, length), algorithmsOf(upload))
  }
}

export function algorithmsOf({ digests }: UploadRecord): readonly DigestAlgorithm[] {
  const demanded = Object.keys(digests.demanded) as DigestAlgorithm[]
  return [...new Set<DigestAlgorithm>(['sha-256', ...digests.wanted, ...demanded])]
}
