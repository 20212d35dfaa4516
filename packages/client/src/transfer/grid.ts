/**
 * The CRC-32 of every cell of the body that was read so far.
 *
 * It proves on resume that the body is the same one, and gives the CRC-32 of the whole body without reading
 * it again. A cell's CRC is a fact about the body, whether or not the provider acknowledged its bytes.
 */
import { decodeBase64, encodeBase64 } from '@pawl/protocol'
import { FilesError } from '../errors.ts'
import { before } from './before.ts'
import { cellSizeFor } from './cells.ts'
import { combineCrc32, crc32 } from './crc32.ts'
import type { Source } from './source.ts'
import { crcsOf } from './summing.ts'

/** Runs of known cells: index of the first, then the CRCs as base64 of little-endian words. */
export type CellRuns = readonly (readonly [number, string])[]

export class Grid {
  readonly size: number
  readonly cellSize: number
  readonly count: number
  readonly #crcs: Uint32Array
  readonly #known: Uint8Array
  /** Of each unfinished cell the CRCs of its beginnings, by where they end: a later piece goes on from there. */
  readonly #heads = new Map<number, Map<number, number>>()
  #ahead:
    | { readonly start: number; readonly end: number; readonly crcs: ReturnType<typeof crcsOf> }
    | undefined

  constructor(size: number, runs: CellRuns = []) {
    this.size = size
    this.cellSize = cellSizeFor(size)
    this.count = Math.ceil(size / this.cellSize)
    this.#crcs = new Uint32Array(this.count)
    this.#known = new Uint8Array(this.count)
    for (const [first, packed] of runs) this.#unpack(first, decodeBase64(packed))
  }

  #unpack(first: number, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) throw notItsCells()
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (
      !Number.isInteger(first) ||
      first < 0 ||
      bytes.length % 4 !== 0 ||
      first + bytes.length / 4 > this.count
    ) {
      throw notItsCells()
    }
    for (let i = 0; i < bytes.length / 4; i++) {
      this.#crcs[first + i] = words.getUint32(i * 4, true)
      this.#known[first + i] = 1
    }
  }

  /** CRC of a cell, or undefined if it was not read whole. */
  cell(index: number): number | undefined {
    return this.#known[index] === 1 ? this.#crcs[index] : undefined
  }

  start(index: number): number {
    return index * this.cellSize
  }

  end(index: number): number {
    return Math.min((index + 1) * this.cellSize, this.size)
  }

  /**
   * Reads the bytes from `start` to `end` (exclusive) and notes them, in a worker where there is one.
   * @throws FilesError `BodyChanged`
   */
  async read(source: Source, start: number, end: number, signal?: AbortSignal): Promise<void> {
    const lengths = this.#lengths(start, end)
    const ahead = this.#ahead
    this.#ahead = undefined
    const known = ahead?.start === start && ahead.end === end ? ahead.crcs : undefined
    const crcs = await before(known ?? crcsOf(source.blob, start, lengths), signal)
    let at = start
    for (const [piece, length] of lengths.entries()) {
      const crc = crcs?.[piece]
      if (crc === undefined) this.add(at, await before(source.read(at, at + length), signal))
      else this.#extend(at, length, (before) => combineCrc32(before, crc, length))
      at += length
    }
  }

  /** Has a worker read a stretch before it is needed: while the one before is on its way. */
  expect({ blob }: Source, start: number, end: number): void {
    if (end > start) this.#ahead = { start, end, crcs: crcsOf(blob, start, this.#lengths(start, end)) }
  }

  /** What each cell has of a stretch. */
  #lengths(start: number, end: number): number[] {
    const lengths: number[] = []
    for (let at = start; at < end; at += lengths.at(-1) ?? 0) {
      lengths.push(Math.min(this.end(Math.floor(at / this.cellSize)), end) - at)
    }
    return lengths
  }

  /** Notes a stretch of the body read from `start`. Stretches of one piece come in order. */
  add(start: number, bytes: Uint8Array): void {
    let at = start
    for (const length of this.#lengths(start, start + bytes.length)) {
      const piece = bytes.subarray(at - start, at - start + length)
      this.#extend(at, length, (before) => crc32(piece, before))
      at += length
    }
  }

  /** @param crcAfter That of what lies in the cell before the stretch, followed by it. */
  #extend(at: number, length: number, crcAfter: (before: number) => number): void {
    const index = Math.floor(at / this.cellSize)
    const heads = this.#heads.get(index) ?? new Map<number, number>()
    const before = at === this.start(index) ? 0 : heads.get(at)
    // A stretch that begins inside a cell whose beginning is unknown proves nothing about the cell.
    if (before === undefined) return
    const crc = crcAfter(before)
    const end = at + length
    if (end === this.end(index)) this.#settle(index, crc)
    else this.#heads.set(index, heads.set(end, crc))
  }

  #settle(index: number, crc: number): void {
    if (this.#known[index] === 1 && this.#crcs[index] !== crc) {
      throw bodyChanged(this.start(index), this.end(index))
    }
    this.#crcs[index] = crc
    this.#known[index] = 1
    this.#heads.delete(index)
  }

  /** Known cells, packed for the token. */
  toRuns(): CellRuns {
    const runs: [number, string][] = []
    for (let first = 0; first < this.count; first++) {
      if (this.#known[first] !== 1) continue
      let end = first
      while (end < this.count && this.#known[end] === 1) end++
      const bytes = new Uint8Array((end - first) * 4)
      const words = new DataView(bytes.buffer)
      for (let i = first; i < end; i++) words.setUint32((i - first) * 4, this.#crcs[i] ?? 0, true)
      runs.push([first, encodeBase64(bytes)])
      first = end
    }
    return runs
  }

  /** Cells that were not read whole yet. */
  unknown(): number[] {
    return Array.from(this.#known.keys()).filter((index) => this.#known[index] !== 1)
  }

  /** CRC-32 of the whole body, once every cell is known. */
  whole(): number | undefined {
    return this.between(0, this.size)
  }

  /** Whether a stretch is made of whole cells. @param end Exclusive. */
  isWhole(start: number, end: number): boolean {
    return start % this.cellSize === 0 && (end % this.cellSize === 0 || end === this.size)
  }

  /** CRC-32 of a stretch, if it is made of whole cells and each of them is known. @param end Exclusive. */
  between(start: number, end: number): number | undefined {
    if (!this.isWhole(start, end)) return undefined
    let crc = 0
    for (let index = start / this.cellSize; this.start(index) < end; index++) {
      const next = this.cell(index)
      if (next === undefined) return undefined
      crc = combineCrc32(crc, next, this.end(index) - this.start(index))
    }
    return crc
  }
}

/** @param end Exclusive. */
export function bodyChanged(start: number, end: number): FilesError {
  return new FilesError(
    'BodyChanged',
    `the body is no longer what it was (bytes ${start}–${end - 1} differ); upload it anew`,
  )
}

function notItsCells(): FilesError {
  return new FilesError('SessionGone', 'the token does not describe the cells of a body of this size')
}
