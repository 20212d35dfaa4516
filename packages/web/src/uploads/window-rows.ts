/** Which rows of a long list are in sight: only those are in the document. Pure. */

/** Rows beyond the window's edges, so that neither scrolling nor the Tab key finds nothing. */
const BEYOND = 8

export interface RowWindow {
  /** The first row that is drawn, and the one behind the last. */
  readonly from: number
  readonly to: number
}

/** @param top Of the list, in pixels below the window's upper edge; negative when it was scrolled past. */
export function rowsInSight(count: number, rowHeight: number, top: number, windowHeight: number): RowWindow {
  const first = Math.floor(-top / rowHeight) - BEYOND
  const last = Math.ceil((windowHeight - top) / rowHeight) + BEYOND
  const from = Math.min(Math.max(0, first), Math.max(0, count - 2 * BEYOND))
  return { from, to: Math.min(count, Math.max(last, from + 2 * BEYOND)) }
}
