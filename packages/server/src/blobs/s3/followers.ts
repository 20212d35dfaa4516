/** Digests of segments whose bytes pass through this process: what is not in a part yet is nowhere to be read. */
import { type SegmentId, StoreError } from '../blob-store.ts'
import type { DigestAlgorithm, FollowingDigest } from '../digests.ts'
import type { HashThread } from './hash-thread.ts'

interface Follower {
  readonly job: number
  /** The next byte it needs. */
  at: number
}

export class Followers {
  readonly #thread: HashThread
  readonly #of = new Map<SegmentId, Set<Follower>>()

  constructor(thread: HashThread) {
    this.#thread = thread
  }

  /** Bytes of a segment from `start` on, in their order; they are given away. */
  pass(segment: SegmentId, start: number, bytes: Uint8Array): void {
    const wanting = [...(this.#of.get(segment) ?? [])].filter(
      ({ at }) => start <= at && at < start + bytes.byteLength,
    )
    const jobs = wanting.map(({ job, at }) => ({ id: job, skip: at - start }))
    for (const follower of wanting) follower.at = start + bytes.byteLength
    // Nobody waits: what is on its way was counted as memory before, and hashing is faster than sending.
    void this.#thread.add(jobs, bytes)
  }

  /** Bytes that passed do not count after all: what follows them is of no use any more. */
  lose(segment: SegmentId): void {
    for (const follower of this.#of.get(segment) ?? []) follower.at = Number.NaN
  }

  follow(segment: SegmentId, start: number, algorithms: readonly DigestAlgorithm[]): FollowingDigest {
    const follower: Follower = { job: this.#thread.begin(algorithms), at: start }
    const followers = this.#of.get(segment) ?? new Set()
    this.#of.set(segment, followers.add(follower))
    const leave = (): void => {
      followers.delete(follower)
      if (followers.size === 0 && this.#of.get(segment) === followers) this.#of.delete(segment)
    }
    return {
      advance() {},
      finish: async (length) => {
        leave()
        if (follower.at !== length) {
          this.#thread.cancel(follower.job)
          const missed = `bytes ${follower.at} to ${length} of segment ${segment} did not pass here`
          throw new StoreError('unavailable', missed)
        }
        return this.#thread.finish(follower.job)
      },
      cancel: () => {
        leave()
        this.#thread.cancel(follower.job)
      },
    }
  }
}
