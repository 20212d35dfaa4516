/** Streams a range of an object across its segments. */
import { Readable } from 'node:stream'
import { type BlobStore, StoreError } from '../blobs/blob-store.ts'
import type { Garbage } from '../garbage.ts'
import type { ObjectRecord } from './object.ts'
import type { Readers } from './readers.ts'

/** What a reader has in memory, about. Streams on the way hold up to four times that; counting so much was slower. */
const HELD_BYTES = 256 * 1024

export interface ReadParts {
  readonly blobs: BlobStore
  readonly readers: Readers
  readonly garbage: Garbage
}

/**
 * Bytes `start` to `end` (exclusive) of the object. From the call until the stream is closed its segments
 * stay, also when the object is replaced or deleted meanwhile. The stream fails rather than end early.
 */
export function readObject(
  { blobs, readers, garbage }: ReadParts,
  object: ObjectRecord,
  start: number,
  end: number,
): Readable {
  const segments = object.segments.map((piece) => piece.segment)
  const held = Math.min(HELD_BYTES, end - start)
  readers.enter(segments)
  garbage.hold(held)
  const passed = (bytes: number): void => garbage.passed(bytes)
  const stream = Readable.from(slices(blobs, object, start, end, passed), { objectMode: false })
  stream.once('close', () => {
    readers.leave(segments)
    garbage.letGo(held)
  })
  return stream
}

async function* slices(
  blobs: BlobStore,
  object: ObjectRecord,
  start: number,
  end: number,
  passed: (bytes: number) => void,
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
      passed(chunk.byteLength)
    }
    if (left !== 0) throw new StoreError('damaged', `segment ${segment} is ${left} bytes short`)
  }
}
