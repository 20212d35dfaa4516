/** A piece that is held in memory as a whole. Loaded late: a page lets the browser read what it sends. */
import type { Call } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { before } from './before.ts'
import { WHOLE } from './block.ts'
import type { Road } from './payload.ts'

/**
 * Reads it and notes it. It is not paced: it may leave as a whole, or slice by slice.
 * @param ahead Size of the piece that will follow it, where one may be held beside this one.
 * @param ends Gets what gives its memory back when the attempt has ended, `done` if the provider took it.
 * @throws FilesError `NotSupported` above 16 MiB
 */
export async function wholePiece(
  road: Road,
  start: number,
  size: number,
  call: Call,
  ahead: number,
  ends: ((done: boolean) => void)[],
): Promise<Uint8Array<ArrayBuffer>> {
  const { source, grid, memory } = road
  if (size > WHOLE) throw new FilesError('NotSupported', `a piece of ${size} bytes is not held in memory`)
  await memory?.take(size, call)
  const backs: (() => void)[] = []
  ends.push((done) => {
    memory?.give(size)
    // Of an attempt that was cut, a connection may still be looking at the memory.
    if (done) for (const back of backs) back()
  })
  const bytes = await before(
    source.readInto
      ? (await import('./lend.ts')).readLent(road, start, size, backs, ahead)
      : source.read(start, start + size),
    call.signal,
  )
  if (!source.readInto) grid?.add(start, bytes)
  return bytes
}
