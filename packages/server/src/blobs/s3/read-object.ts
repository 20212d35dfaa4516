/** A range of an object as a stream. Where the connection breaks it is asked for again from there. */
import { StoreError } from '../blob-store.ts'
import type { Bucket } from './bucket.ts'

/** Times that reading goes on without a byte in between. */
const TRIES = 3

/** Bytes `start` to `end`, exclusive. @throws StoreError */
export async function* readObject(
  bucket: Bucket,
  key: string,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const leaving = new AbortController()
  let at = start
  try {
    for (let tries = 1; at < end; tries += 1) {
      const stream = await bucket.get(key, at, end, leaving.signal)
      let brought = 0
      try {
        for await (const chunk of stream as AsyncIterable<Uint8Array>) {
          brought += chunk.byteLength
          at += chunk.byteLength
          yield chunk
        }
      } catch (error) {
        if (brought > 0) tries = 1
        if (tries === TRIES)
          throw new StoreError('unavailable', `${key} could not be read from ${at} on`, error)
        continue
      }
      if (at < end) throw new StoreError('damaged', `${key} ends at ${at} instead of ${end} bytes`)
    }
  } finally {
    // A reader that leaves early must not leave the rest of the answer on the way.
    leaving.abort()
  }
}
