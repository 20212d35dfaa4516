/**
 * Memory for whole pieces of a file, used again by the next piece: with a fresh buffer for each, an upload took about
 * a quarter more CPU and twice the memory. There are as many as were needed at one time, which the budget of the upload bounds.
 */
import { BLOCK } from './block.ts'
import type { Road } from './payload.ts'
import type { Progress } from './progress.ts'

type Bytes = Uint8Array<ArrayBuffer>

interface Piece {
  readonly start: number
  readonly size: number
  readonly bytes: Promise<Bytes>
  readonly back: () => void
}

interface Kept {
  readonly free: Bytes[]
  /** Read before it was asked for. */
  next: Piece | undefined
}

/** By upload, which is known by its progress. */
const ofUploads = new WeakMap<Progress, Kept>()

function keptBy(upload: Progress): Kept {
  const kept = ofUploads.get(upload) ?? { free: [], next: undefined }
  ofUploads.set(upload, kept)
  return kept
}

/** @param backs Gets a function that gives the memory to the next piece. Nobody may look at it any more then. */
export function lend(upload: Progress, size: number, backs: (() => void)[]): Bytes {
  const { free } = keptBy(upload)
  const index = free.findIndex((buffer) => buffer.length >= size)
  const [whole = new Uint8Array(size)] = index < 0 ? [] : free.splice(index, 1)
  backs.push(() => free.push(whole))
  return whole.subarray(0, size)
}

/**
 * A piece of a source that reads into lent memory, noted on the grid.
 * @param ahead Size of the piece that will follow: it is read while this one is on its way. 0 for none.
 */
export async function readLent(
  road: Road,
  start: number,
  size: number,
  backs: (() => void)[],
  ahead: number,
): Promise<Bytes> {
  const kept = keptBy(road.progress)
  const { next } = kept
  kept.next = undefined
  const fits = next?.start === start && next.size === size
  // The upload went on elsewhere, or with another size: the memory is free once nothing is read into it.
  if (next && !fits) next.bytes.then(next.back, () => {})
  const piece = fits ? next : readPiece(road, start, size)
  const bytes = await piece.bytes
  backs.push(piece.back)
  if (ahead > 0) kept.next = readPiece(road, start + size, ahead)
  return bytes
}

function readPiece(road: Road, start: number, size: number): Piece {
  const backs: (() => void)[] = []
  const bytes = fill(road, start, lend(road.progress, size, backs))
  bytes.catch(() => {}) // told to whoever asks for the piece
  return { start, size, bytes, back: () => backs.pop()?.() }
}

/** Each block is noted while the next is read, and other pieces are sent in between. */
async function fill({ source, grid }: Road, start: number, bytes: Bytes): Promise<Bytes> {
  const read = (at: number) => {
    const block = bytes.subarray(at, at + BLOCK)
    const reading = source.readInto?.(block, start + at)
    reading?.catch(() => {}) // it is awaited below, perhaps only after another failure
    return { block, reading }
  }
  let next = read(0)
  for (let at = 0; at < bytes.length; ) {
    const { block, reading } = next
    await reading
    if (at + block.length < bytes.length) next = read(at + block.length)
    grid?.add(start + at, block)
    at += block.length
  }
  return bytes
}
