/**
 * Names that sort by when they were made. Records that are made together then lie together in the catalog: with names
 * that are random from their first digit, each small upload changed two pages of each index alone, and the catalog's thread
 * took two and a half times as long for it.
 */
import { randomFillSync } from 'node:crypto'

/** Bytes of a time: milliseconds since 1970, until the year 10889. */
const TIME_BYTES = 6
/** Random bytes are fetched for many names at once, and wiped when they are used. */
const pool = Buffer.alloc(4096)
let used = pool.length

/** The time, then random bytes; lower-case hex. Whoever knows the time still knows nothing of the rest. */
export function orderedName(randomBytes: number): string {
  return (
    Date.now()
      .toString(16)
      .padStart(TIME_BYTES * 2, '0') + randomName(randomBytes)
  )
}

/** Random bytes in lower-case hex. @param bytes - at most 4096 */
export function randomName(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const name = pool.toString('hex', used, used + bytes)
  pool.fill(0, used, used + bytes)
  used += bytes
  return name
}
