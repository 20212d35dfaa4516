/** What a file at a server is worth, where only its name and its size can be asked for: its content is read. */
import type { BodyReader, Call } from '../driver.ts'

/**
 * How far a part file is right. What the last, broken attempt wrote may not have arrived in order: the end of the
 * file is read back and compared with the body.
 * @param size Bytes that the part file holds.
 * @param tail Bytes at its end that are not known to be right.
 * @param read Reads part of the file; may give less than it was asked for.
 */
export async function provenEnd(
  body: BodyReader,
  size: number,
  tail: number,
  read: (start: number, end: number) => Promise<Uint8Array>,
): Promise<number> {
  const start = Math.max(0, size - tail)
  if (start === size) return size
  const [held, wanted] = await Promise.all([read(start, size), body.read(start, size)])
  const differs = wanted.findIndex((byte, index) => byte !== held[index])
  return differs < 0 ? size : start + differs
}

/**
 * Whether a file holds the body. After a lost answer to the last call nothing else tells whose file it is; the first
 * byte that differs ends the reading.
 */
export async function holds(file: AsyncIterable<Uint8Array>, body: BodyReader, call: Call): Promise<boolean> {
  let at = 0
  for await (const chunk of file) {
    call.touch()
    const expected = await body.read(at, Math.min(at + chunk.length, body.size))
    if (Buffer.compare(expected, chunk) !== 0) return false
    at += chunk.length
  }
  return at === body.size
}
