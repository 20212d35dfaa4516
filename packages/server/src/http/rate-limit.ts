/** How many requests one client address may make: a bucket of tokens for each, one second's worth large. */
import { isIPv6 } from 'node:net'

/** Addresses remembered; the ones longest unheard of are forgotten, which gives them a full bucket again. */
const MOST_ADDRESSES = 100_000

interface Bucket {
  tokens: number
  /** Milliseconds of the monotonic clock. */
  at: number
}

export class RateLimit {
  readonly #rate: number
  readonly #now: () => number
  /** In the order in which they were last heard of. */
  readonly #buckets = new Map<string, Bucket>()

  /** @param rate - requests per second */
  constructor(rate: number, now: () => number = () => performance.now()) {
    this.#rate = rate
    this.#now = now
  }

  /** Counts a request; resolves to 0 when it may go on, or else to the seconds after which one may come. */
  take(address: string): number {
    const now = this.#now()
    const capacity = Math.max(1, this.#rate)
    const key = network(address)
    const bucket = this.#buckets.get(key) ?? { tokens: capacity, at: now }
    bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.at) / 1000) * this.#rate)
    bucket.at = now
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > MOST_ADDRESSES) this.#forgetOne()
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / this.#rate)
    bucket.tokens -= 1
    return 0
  }

  #forgetOne(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key)
      return
    }
  }
}

/** One household or host has a whole /64 of IPv6: its addresses are one client. */
function network(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':')
  if (tail !== undefined) {
    const behind = tail === '' ? [] : tail.split(':')
    while (groups.length + behind.length < 8) groups.push('0')
    groups.push(...behind)
  }
  return groups.slice(0, 4).join(':')
}
