/**
 * A digest of the whole body that grows with what is read for sending, in order. What came out of order, or was
 * sent by another process, is read at the end.
 */
import { encodeBase64 } from '@pawl/protocol'
import type { Digest } from '../digest.ts'
import type { BodyReader, Call, WholeDigest } from '../driver.ts'
import { type Hasher, hasherOf } from './hashers.ts'
import type { Progress } from './progress.ts'
import type { Source } from './source.ts'
import { followed } from './summing.ts'

const BLOCK = 1024 * 1024
/** Without a hash that can be fed bit by bit, bodies above this are not hashed: they would have to be held whole. */
const WHOLE = 64 * BLOCK

const ofUploads = new WeakMap<Progress, Promise<WholeDigest | undefined>>()

/** That of an upload, which is known by its progress. */
export function runningOf(
  upload: Progress,
  source: Source,
  algorithm: Digest['algorithm'],
): Promise<WholeDigest | undefined> {
  const known = ofUploads.get(upload) ?? begun(source, algorithm)
  ofUploads.set(upload, known)
  return known
}

async function begun(source: Source, algorithm: Digest['algorithm']): Promise<WholeDigest | undefined> {
  const here = runningDigest(source, algorithm)
  return here && followed(source, algorithm, here)
}

/** Undefined where this runtime has no hash that can be fed bit by bit. */
export function runningDigest(source: BodyReader, algorithm: Digest['algorithm']): WholeDigest | undefined {
  const hasher = hasherOf(algorithm)
  return hasher && new RunningDigest(source, algorithm, hasher)
}

class RunningDigest implements WholeDigest {
  readonly #source: BodyReader
  readonly #algorithm: Digest['algorithm']
  readonly #hasher: Hasher
  #at = 0
  #done: Digest | undefined

  constructor(source: BodyReader, algorithm: Digest['algorithm'], hasher: Hasher) {
    this.#source = source
    this.#algorithm = algorithm
    this.#hasher = hasher
  }

  add(start: number, bytes: Uint8Array): void {
    const end = start + bytes.length
    if (start > this.#at || end <= this.#at) return
    this.#hasher.update(bytes.subarray(this.#at - start))
    this.#at = end
  }

  async finish({ signal, touch }: Call): Promise<Digest> {
    const { size } = this.#source
    while (this.#at < size) {
      signal.throwIfAborted()
      const at = this.#at
      this.add(at, await this.#source.read(at, Math.min(at + BLOCK, size)))
      touch()
    }
    this.#done ??= { algorithm: this.#algorithm, value: encodeBase64(this.#hasher.digest()) }
    return this.#done
  }
}

/** A digest of the body by reading it; undefined where this runtime cannot compute it. */
export async function digestOf(
  source: Source,
  algorithm: Digest['algorithm'],
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const running = runningDigest(source, algorithm)
  if (running) return running.finish({ signal, touch: () => {} })
  const subtle = globalThis.crypto?.subtle
  if (algorithm !== 'sha-256' && algorithm !== 'sha-512') return undefined
  if (source.size > WHOLE || subtle === undefined) return undefined
  const hash = await subtle.digest(algorithm, await source.read(0, source.size))
  return { algorithm, value: encodeBase64(new Uint8Array(hash)) }
}
