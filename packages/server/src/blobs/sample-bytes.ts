/** Bytes for tests: they differ at every offset and for every seed, so that a shift, a hole or a mix-up shows. */
import type { Readable } from 'node:stream'
import { type BlobStore, newSegmentId, type SegmentId } from './blob-store.ts'

export function sampleBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let state = (seed * 0x9e3779b1) >>> 0 || 1
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state >>> 8
  }
  return bytes
}

export async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** A new segment that is there and holds no bytes. */
export async function emptySegment(store: BlobStore, segment = newSegmentId()): Promise<SegmentId> {
  await (await store.openWriter(segment)).close()
  return segment
}
