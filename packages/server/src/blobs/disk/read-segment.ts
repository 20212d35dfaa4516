/**
 * A range of a file as a stream. Node's own read stream ends quietly where the file does; a segment that
 * lost bytes must be an error, or a short answer passes for a whole one.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { StoreError } from '../blob-store.ts'
import { asStoreError } from './errno.ts'

const CHUNK = 256 * 1024

/** Bytes `start` to `end`, exclusive. @param name - of the segment, for messages */
export function readSegment(path: string, name: string, start: number, end: number): Readable {
  let handle: FileHandle | undefined
  let at = start
  const stream = new Readable({
    highWaterMark: CHUNK,
    construct(done) {
      open(path, 'r').then(
        (opened) => {
          handle = opened
          done()
        },
        (error: unknown) => done(asStoreError(`open segment ${name}`, error)),
      )
    },
    read() {
      next().then(
        (chunk) => stream.push(chunk),
        (error: unknown) => stream.destroy(asStoreError(`read segment ${name}`, error)),
      )
    },
    destroy(error, done) {
      const closed = handle?.close() ?? Promise.resolve()
      closed.then(
        () => done(error),
        () => done(error),
      )
    },
  })

  async function next(): Promise<Uint8Array | null> {
    if (handle === undefined || at >= end) return null
    // Not from the pool, whose slab a slow reader would keep alive.
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, end - at))
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at)
    if (bytesRead === 0) {
      throw new StoreError('damaged', `segment ${name} ends at ${at} instead of ${end} bytes`)
    }
    at += bytesRead
    return buffer.subarray(0, bytesRead)
  }

  return stream
}
