/**
 * Moves the body of one request into a segment: chunks are gathered while the previous write is in flight,
 * then written together. Exactly one write is in flight, in order, so the segment is a prefix of the body at
 * any moment.
 */
import { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { SegmentWriter } from '../blobs/blob-store.ts'
import type { GatherBudget } from './gather-budget.ts'
import type { Lease, LeaseEnd } from './lease.ts'

export interface TransferOptions {
  readonly source: Readable
  readonly writer: SegmentWriter
  readonly lease: Lease
  readonly budget: GatherBudget
  /** Bytes this body may have. */
  readonly limit: number
  /**
   * Hold back the bytes that reach the limit until the body's end is seen: then a body that turns out to be
   * too long never made the upload whole.
   */
  readonly holdLast: boolean
  /** After each write, with the segment's new length. */
  readonly onWritten: (length: number) => void
  /** Nothing that this body brought is taken back once it came to its end within the limit. */
  readonly last?: boolean
}

export type TransferEnd =
  /** The body came whole and is written. */
  | { readonly kind: 'ended' }
  /** The client went away; what arrived is written. */
  | { readonly kind: 'broken' }
  /** The lease was taken; what arrived is written. */
  | { readonly kind: 'stopped'; readonly why: LeaseEnd }
  /** The body is longer than the limit; some of it may be written. */
  | { readonly kind: 'overflow' }
  /** The store failed; what it wrote before stays. */
  | { readonly kind: 'failed'; readonly error: unknown }

/**
 * Whether nobody else looks at chunks of this body: node:http copies each part of a request into memory of its own.
 * What else brings bytes may look at them again.
 */
export function isOurs(source: Readable): boolean {
  return source instanceof IncomingMessage
}

export function transfer(options: TransferOptions): Promise<TransferEnd> {
  const { source, writer, lease, budget, limit, holdLast, onWritten, last = false } = options
  const ours = isOurs(source)
  return new Promise((resolve) => {
    let gathered: Uint8Array[] = []
    let gatheredBytes = 0
    let arrived = 0
    let writing = false
    let paused = false
    /** Set once nothing more will be read; what is gathered is still written. */
    let end: TransferEnd | undefined

    const finish = (result: TransferEnd): void => {
      const counted =
        result.kind === 'overflow' || result.kind === 'failed' ? undefined : writer.flush?.(last)
      if (counted === undefined) return settle(result)
      // Nobody waits for the client now.
      writing = true
      lease.working()
      counted
        .then(() => result)
        .catch((error: unknown): TransferEnd => ({ kind: 'failed', error }))
        .then((how) => {
          onWritten(writer.length)
          settle(how)
        })
    }

    const letGo = (chunks: readonly Uint8Array[]): void => {
      const rest = writer.keeps ? chunks.filter((chunk) => !writer.keeps?.(chunk)) : chunks
      if (ours) budget.spent(rest)
      else for (const { byteLength } of rest) budget.left(byteLength)
    }

    const settle = (result: TransferEnd): void => {
      budget.give(gatheredBytes)
      letGo(gathered)
      gathered = []
      gatheredBytes = 0
      source.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
      lease.ended.removeEventListener('abort', onStopped)
      // A destroyed request may still emit an error; nobody is left to hear it.
      source.on('error', () => {})
      lease.working()
      resolve(result)
    }

    const stop = (how: TransferEnd): void => {
      if (end !== undefined) return
      end = how
      if (how.kind !== 'ended') source.pause()
      pump()
    }

    const pump = (): void => {
      if (writing) return
      if (end?.kind === 'overflow' || end?.kind === 'failed') return finish(end)
      const held = holdLast && arrived === limit && end?.kind !== 'ended'
      if (gatheredBytes === 0 || (held && end === undefined)) {
        if (end !== undefined) return finish(end)
        lease.waiting()
        readOn()
        return
      }
      // A chunked body that broke before its end was seen never makes the upload whole: its last byte stays out.
      if (held) return finish(end ?? { kind: 'broken' })
      void write()
    }

    const readOn = (): void => {
      if (paused && end === undefined) source.resume()
      paused = false
    }

    const write = async (): Promise<void> => {
      const batch = gathered
      const bytes = gatheredBytes
      gathered = []
      gatheredBytes = 0
      writing = true
      lease.working()
      // The next batch is read while this one is written: otherwise network and disk would take turns, as they do
      // for each of many.
      if (budget.share > 0) readOn()
      try {
        await writer.write(batch)
      } catch (error) {
        end = { kind: 'failed', error }
        source.pause()
      }
      budget.give(bytes)
      letGo(batch)
      writing = false
      onWritten(writer.length)
      pump()
    }

    const onData = (chunk: Uint8Array): void => {
      if (end !== undefined) return
      lease.heard()
      arrived += chunk.byteLength
      if (arrived > limit) return stop({ kind: 'overflow' })
      gathered.push(chunk)
      gatheredBytes += chunk.byteLength
      budget.take(chunk.byteLength)
      pump()
      // Held bytes wait for the end of the body, which only reading on can show.
      const held = holdLast && arrived === limit
      if (writing && !held && gatheredBytes >= budget.share) {
        paused = true
        source.pause()
      }
    }
    const onEnd = (): void => stop({ kind: 'ended' })
    const onBroken = (): void => stop({ kind: 'broken' })
    const onStopped = (): void => stop({ kind: 'stopped', why: lease.ended.reason as LeaseEnd })

    if (lease.ended.aborted) return resolve({ kind: 'stopped', why: lease.ended.reason as LeaseEnd })
    lease.ended.addEventListener('abort', onStopped)
    source.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
    if (source.readableEnded) return onEnd()
    if (source.destroyed) return onBroken()
    lease.waiting()
  })
}
