/**
 * A digest of the whole body that grows with what is read for sending, in order. What came out of order, or was
 * sent by another process, is read at the end.
 */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../digest.ts'
import { type Hasher, hasherOf } from './hashers.ts'
import type { Source } from './source.ts'

const BLOCK = 1024 * 1024
/** Without a hash that can be fed bit by bit, bodies above this are not hashed: they would have to be held whole. */
const WHOLE = 64 * BLOCK

export class RunningDigest {
  readonly #algorithm: Digest['algorithm']
  readonly #hasher: Hasher
  #at = 0
  #done: Digest | undefined

  constructor(algorithm: Digest['algorithm'], hasher: Hasher) {
    this.#algorithm = algorithm
    this.#hasher = hasher
  }

  /** Takes a stretch read from `start`; counts what follows on what it has. */
  add(start: number, bytes: Uint8Array): void {
    const end = start + bytes.length
    if (start > this.#at || end <= this.#at) return
    this.#hasher.update(bytes.subarray(this.#at - start))
    this.#at = end
  }

  /** Reads the rest. */
  async finish(
    source: Pick<Source, 'size' | 'read'>,
    { signal, touch }: { readonly signal: AbortSignal; touch?(): void },
  ): Promise<Digest> {
    while (this.#at < source.size) {
      signal.throwIfAborted()
      const at = this.#at
      this.add(at, await source.read(at, Math.min(at + BLOCK, source.size)))
      touch?.()
    }
    this.#done ??= { algorithm: this.#algorithm, value: encodeBase64(this.#hasher.digest()) }
    return this.#done
  }
}

/** Undefined where this runtime has no hash that can be fed bit by bit. */
export function runningDigest(algorithm: Digest['algorithm']): RunningDigest | undefined {
  const hasher = hasherOf(algorithm)
  return hasher && new RunningDigest(algorithm, hasher)
}

/** A digest of the body by reading it; undefined where this runtime cannot compute it. */
export async function digestOf(
  source: Source,
  algorithm: Digest['algorithm'],
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const running = runningDigest(algorithm)
  if (running) return running.finish(source, { signal })
  const subtle = globalThis.crypto?.subtle
  if (algorithm !== 'sha-256' && algorithm !== 'sha-512') return undefined
  if (source.size > WHOLE || subtle === undefined) return undefined
  const hash = await subtle.digest(algorithm, await source.read(0, source.size))
  return { algorithm, value: encodeBase64(new Uint8Array(hash)) }
}
