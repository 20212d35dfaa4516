/** Proof that a body is the one a session began with. */
import { FilesError } from '../errors.ts'
import type { SessionToken } from '../session.ts'
import type { Grid } from './grid.ts'
import type { Source } from './source.ts'

/**
 * How much of the body to read again before going on: the first, the last and some random cells
 * (`sampled`), every cell that is known (`full`), or none (`off`).
 */
export type Verify = 'sampled' | 'full' | 'off'

const SAMPLES = 6
/** Most bytes to read before the first byte goes out. */
const FINGERPRINT = 64 * 1024 * 1024
const BLOCK = 1024 * 1024

/**
 * Compares the body with what the token knows of it.
 * @throws FilesError `BodyChanged`
 */
export async function verifyBody(
  source: Source,
  token: SessionToken,
  grid: Grid,
  verify: Verify,
  signal: AbortSignal,
): Promise<void> {
  const { size, lastModified } = token.body
  if (source.size !== size) throw changed(`it has ${source.size} bytes, the session began with ${size}`)
  if (
    lastModified !== undefined &&
    source.lastModified !== undefined &&
    source.lastModified !== lastModified
  ) {
    throw changed(
      `it was modified at ${new Date(source.lastModified).toISOString()}, the session began with one of ${new Date(lastModified).toISOString()}`,
    )
  }
  if (verify === 'off') return
  const known = Array.from({ length: grid.count }, (_, index) => index).filter(
    (i) => grid.cell(i) !== undefined,
  )
  for (const index of verify === 'full' ? known : sample(known)) {
    signal.throwIfAborted()
    // The grid compares what is read with what it knows.
    await readCell(source, grid, index, signal)
  }
}

/** Reads a few cells when the session begins, so that a token stored before the first byte proves something. */
export async function fingerprint(source: Source, grid: Grid, signal: AbortSignal): Promise<void> {
  if (grid.cellSize * SAMPLES > FINGERPRINT) return
  for (const index of sample(Array.from({ length: grid.count }, (_, i) => i))) {
    signal.throwIfAborted()
    await readCell(source, grid, index, signal)
  }
}

/** Reads a cell in blocks; the grid notes or compares its CRC. */
export async function readCell(
  source: Source,
  grid: Grid,
  index: number,
  signal?: AbortSignal,
): Promise<void> {
  for (let at = grid.start(index), end = grid.end(index); at < end; at += BLOCK) {
    await grid.read(source, at, Math.min(at + BLOCK, end), signal)
  }
}

/** The first, the last, and random ones between. */
function sample(cells: readonly number[]): number[] {
  const chosen = new Set<number>()
  for (const cell of [cells[0], cells.at(-1)]) if (cell !== undefined) chosen.add(cell)
  for (let i = 0; i < SAMPLES - 2; i++) {
    const cell = cells[Math.floor(Math.random() * cells.length)]
    if (cell !== undefined) chosen.add(cell)
  }
  return [...chosen].sort((a, b) => a - b)
}

function changed(how: string): FilesError {
  return new FilesError(
    'BodyChanged',
    `this is not the body that the session began with: ${how}; upload it anew`,
  )
}
