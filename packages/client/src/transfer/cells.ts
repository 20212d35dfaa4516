const MIN_CELL = 1024 * 1024
const MAX_CELLS = 16_384

/** Size of a cell of the grid: a power of two, at least 1 MiB, at most 16,384 cells a body. */
export function cellSizeFor(size: number): number {
  let cell = MIN_CELL
  while (size / cell > MAX_CELLS) cell *= 2
  return cell
}
