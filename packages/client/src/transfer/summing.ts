/**
 * Checksums in a worker, so that a page answers to its user while gigabytes are checked. It reads pieces of the body by
 * itself, and tells their sums: no byte of them passes through the page.
 *
 * There is one worker, and only in browsers: elsewhere a native CRC-32 costs less than the way there and back. Nothing
 * depends on it. Until it runs, where it is forbidden (a content policy), cannot be found (a bundler that does not
 * know of it) or fails, whoever asks is told to read and sum for itself.
 */
import type { Digest } from '../digest.ts'
import type { Call, WholeDigest } from '../driver.ts'
import { WHOLE } from './block.ts'
import type { Source } from './source.ts'

type Work =
  /** To be read and cut into these lengths, in bytes; the CRC-32 of each is told. */
  | { readonly piece: Blob; readonly lengths: readonly number[] }
  /** To be read and added to a digest, which begins with its first piece. */
  | { readonly piece: Blob; readonly digest: number; readonly algorithm: Digest['algorithm'] }
  | { readonly digest: number }

export type Asked = Work & { readonly id: number }

export interface Told {
  /** Of what was asked; without one the worker says that it runs. */
  readonly id?: number
  /** Absent where it failed. */
  readonly done?: true
  readonly crcs?: readonly number[]
  /** Of a digest that has ended, in base64. */
  readonly value?: string
}

/** Bodies below this are summed before a worker has begun, in bytes. */
const WORTH = 4 * 1024 * 1024
/** Milliseconds that a digest waits for the worker to begin. */
const START = 2_000
/** Milliseconds without an answer after which the worker is given up. What it is asked for are 16 MiB at most. */
const SILENCE = 30_000
/** And milliseconds more, for answers that came while the page stood still. */
const GRACE = 1_000

let summer: Summer | undefined
/** How many workers may still take the place of one that ended. */
let spare = 2

function summerFor(body: Blob | undefined): Summer | undefined {
  if (!body || body.size < WORTH || typeof Worker === 'undefined') return undefined
  summer ??= new Summer()
  return summer
}

/**
 * The CRC-32 of each of the stretches of these lengths, in bytes, that follow each other from `start`.
 * @returns undefined where that has to be found out here
 */
export async function crcsOf(
  body: Blob | undefined,
  start: number,
  lengths: readonly number[],
): Promise<readonly number[] | undefined> {
  const worker = summerFor(body)
  if (!worker?.runs || !body) return undefined
  const end = lengths.reduce((at, length) => at + length, start)
  return (await worker.ask({ piece: body.slice(start, end), lengths })).crcs
}

/** A digest of the whole body that the worker computes. @param here Does it where the worker cannot. */
export async function followed(
  { blob }: Source,
  algorithm: Digest['algorithm'],
  here: WholeDigest,
): Promise<WholeDigest> {
  const worker = summerFor(blob)
  if (!worker || !blob || !(worker.runs || (await worker.started))) return here
  return new FollowedDigest(worker, blob, algorithm, here)
}

class FollowedDigest implements WholeDigest {
  static #lastId = 0
  readonly #id = ++FollowedDigest.#lastId
  readonly #worker: Summer
  readonly #body: Blob
  readonly #algorithm: Digest['algorithm']
  readonly #here: WholeDigest
  #at = 0
  #value: Promise<string | undefined> | undefined

  constructor(worker: Summer, body: Blob, algorithm: Digest['algorithm'], here: WholeDigest) {
    this.#worker = worker
    this.#body = body
    this.#algorithm = algorithm
    this.#here = here
  }

  add(start: number, bytes: Uint8Array): void {
    this.reach(start, start + bytes.length)
  }

  reach(start: number, end: number): void {
    if (start <= this.#at && end > this.#at) void this.#readTo(end)
  }

  #readTo(end: number): Promise<Told> {
    const piece = this.#body.slice(this.#at, end)
    this.#at = end
    return this.#worker.ask({ piece, digest: this.#id, algorithm: this.#algorithm })
  }

  async finish(call: Call): Promise<Digest> {
    while (this.#at < this.#body.size && this.#worker.runs) {
      call.signal.throwIfAborted()
      await this.#readTo(Math.min(this.#at + WHOLE, this.#body.size))
      call.touch()
    }
    this.#value ??= this.#worker.ask({ digest: this.#id }).then(({ value }) => value)
    const value = await this.#value
    return value === undefined ? this.#here.finish(call) : { algorithm: this.#algorithm, value }
  }
}

class Summer {
  /** Whether it came to run, as far as that is known soon. */
  readonly started: Promise<boolean>
  runs = false
  readonly #asked = new Map<number, (told: Told) => void>()
  #start: (runs: boolean) => void
  #worker: Worker | undefined
  #lastId = 0
  #silence: ReturnType<typeof setTimeout> | undefined

  constructor() {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.started = promise
    this.#start = resolve
    setTimeout(resolve, START, false)
    try {
      const worker = new Worker(new URL('./sum-worker.ts', import.meta.url), { type: 'module' })
      worker.onmessage = ({ data }: MessageEvent<Told>) => this.#hear(data)
      worker.onmessageerror = () => this.#giveUp()
      worker.onerror = (event) => {
        event.preventDefault() // everything goes on without it
        this.#giveUp()
      }
      this.#worker = worker
    } catch {
      this.#giveUp()
    }
  }

  /** Without `done` where it failed, or there is no worker any more. */
  ask(work: Work): Promise<Told> {
    const { promise, resolve } = Promise.withResolvers<Told>()
    if (!this.#worker) return Promise.resolve({})
    const id = ++this.#lastId
    this.#asked.set(id, resolve)
    try {
      this.#worker.postMessage({ ...work, id } satisfies Asked)
      if (this.#asked.size === 1) this.#wait()
    } catch {
      this.#giveUp()
    }
    return promise
  }

  #hear(told: Told): void {
    this.runs = true
    this.#start(true)
    const { id } = told
    if (id === undefined) return
    this.#asked.get(id)?.(told)
    this.#asked.delete(id)
    this.#wait()
  }

  #wait(): void {
    clearTimeout(this.#silence)
    if (this.#asked.size === 0) return
    this.#silence = setTimeout(() => {
      this.#silence = setTimeout(() => {
        spare = 0 // another one would keep everybody waiting as long
        this.#giveUp()
      }, GRACE)
    }, SILENCE)
  }

  #giveUp(): void {
    clearTimeout(this.#silence)
    this.#worker?.terminate()
    this.#worker = undefined
    // One that never ran will not run the next time either.
    if (this.runs && spare > 0) {
      spare -= 1
      summer = undefined
    }
    this.runs = false
    this.#start(false)
    for (const resolve of this.#asked.values()) resolve({})
    this.#asked.clear()
  }
}
