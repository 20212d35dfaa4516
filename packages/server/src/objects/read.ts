/** Streams a range of an object across its segments. */
import { Readable } from 'node:stream'
import { type BlobStore, StoreError } from '../blobs/blob-store.ts'
import type { ObjectRecord } from './object.ts'
import type { Readers } from './readers.ts'

/**
 * Bytes `start` to `end` (exclusive) of the object. From the call until the stream is closed its segments
 * stay, also when the object is replaced or deleted meanwhile. The stream fails rather than end early.
 */
export function readObject(
  blobs: BlobStore,
  readers: Readers,
  object: ObjectRecord,
  start: number,
  end: number,
): Readable {
  const segments = object.segments.map((piece) => piece.segment)
  readers.enter(segments)
  const stream = Readable.from(slices(blobs, object, start, end), { objectMode: false })
  stream.once('close', () => readers.leave(segments))
  return stream
}

async function* slices(
  blobs: BlobStore,
  object: ObjectRecord,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const { segment, length, start: begin = 0 } of object.segments) {
    const from = Math.max(0, start - at)
    const to = Math.min(length, end - at)
    at += length
    if (from >= to) continue
    let left = to - from
    for await (const chunk of blobs.read(segment, begin + from, begin + to) as AsyncIterable<Uint8Array>) {
      left -= chunk.byteLength
      yield chunk
    }
    if (left !== 0) throw new StoreError('damaged', `segment ${segment} is ${left} bytes short`)
  }
}
