/** A piece of the body block by block. */
import type { Call, Sums } from '../driver.ts'
import { before } from './before.ts'
import { BLOCK } from './block.ts'
import type { Road } from './payload.ts'
import type { Source } from './source.ts'
import { wholePiece } from './whole-piece.ts'

/** Reads one block ahead while the one before is being sent. */
export async function* blocksOf(
  { grid, pace }: Road,
  readBlock: (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>>,
  start: number,
  end: number,
  call: Call,
  fly: (bytes: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const read = (at: number) => {
    const block = readBlock(at, Math.min(at + BLOCK, end))
    block.catch(() => {}) // it is awaited below, perhaps only after the consumer gave up
    return block
  }
  let next = read(start)
  for (let at = start; at < end; ) {
    const block = await before(next, call.signal)
    if (at + block.length < end) next = read(at + block.length)
    grid?.add(at, block)
    at += block.length
    for (let rest = block; rest.length > 0; ) {
      const now = rest.subarray(0, pace.step(rest.length))
      await pace.take(now.length, call.signal, call.touch)
      call.signal.throwIfAborted()
      yield now
      // Asked for the next: this one was taken.
      fly(now.length)
      rest = rest.subarray(now.length)
    }
  }
}

/**
 * Reads into two buffers in turn: the one before is still being sent while the next is read. They belong to one
 * attempt only: a connection that was cut may still be looking at them.
 */
export function reading(
  source: Source,
  reuse: boolean,
): (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>> {
  const { readInto } = source
  if (!readInto || !reuse) return (start, end) => source.read(start, end)
  const buffers: Uint8Array<ArrayBuffer>[] = []
  let turn = 0
  return async (start, end) => {
    turn = 1 - turn
    const buffer = buffers[turn] ?? new Uint8Array(Math.max(BLOCK, end - start))
    buffers[turn] = buffer
    const block = buffer.subarray(0, end - start)
    await readInto(block, start)
    return block
  }
}

/** For checksums that are sent before the piece. */
export function sumsOf(
  road: Road,
  start: number,
  size: number,
  call: Call,
  ahead: number,
  ends: ((done: boolean) => void)[],
): Sums {
  const { source, grid, pace, progress } = road
  const end = start + size
  return {
    held: () => wholePiece(road, start, size, call, ahead, ends),
    step: (most) => pace.step(most),
    pay: async (bytes) => {
      await pace.take(bytes, call.signal, call.touch)
      call.signal.throwIfAborted()
    },
    read: async function* () {
      const readBlock = reading(source, true)
      for (let at = start; at < end; at += BLOCK) yield await readBlock(at, Math.min(at + BLOCK, end))
    },
    noted: () => grid?.between(start, end),
    willBeNoted: grid?.isWhole(start, end) ?? false,
    whole: async (algorithm) => (await import('./running.ts')).runningOf(progress, source, algorithm),
    note: async (crc) => (await import('./stretches.ts')).stretchesOf(progress).note(start, size, crc),
  }
}
