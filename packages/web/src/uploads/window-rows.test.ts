import { expect, test } from 'vitest'
import { rowsInSight } from './window-rows.ts'

test.each([
  [5, 100],
  [5000, 100],
  [5000, -200_000],
  [5000, -5000 * 80],
  [5000, 3000],
  [0, 0],
])('of %d rows those in the window are drawn, and few more (top at %d)', (count, top) => {
  const { from, to } = rowsInSight(count, 80, top, 800)
  expect(from).toBeGreaterThanOrEqual(0)
  expect(to).toBeLessThanOrEqual(count)
  expect(to - from).toBeLessThanOrEqual(800 / 80 + 18)
  for (let row = 0; row < count; row += 1) {
    const inSight = top + row * 80 < 800 && top + (row + 1) * 80 > 0
    if (inSight) expect(row >= from && row < to, `row ${row}`).toBe(true)
  }
})
