import { expect, test } from 'vitest'
import { LAST_NUMBER, LEAST_PART, partSizes } from './part-plan.ts'

const GIB = 2 ** 30

test('every part but the last is as large as S3 wants, and never shrinks', () => {
  let before = partSizes(1)
  for (let number = 2; number < LAST_NUMBER; number += 1) {
    const sizes = partSizes(number)
    expect(sizes.least).toBeGreaterThanOrEqual(LEAST_PART)
    expect(sizes.target).toBeGreaterThanOrEqual(sizes.least)
    expect(sizes.target).toBeGreaterThanOrEqual(before.target)
    before = sizes
  }
})

test('the largest upload that is allowed by default fits, also in the shortest requests', () => {
  let bytes = 0
  for (let number = 1; number < LAST_NUMBER; number += 1) bytes += partSizes(number).least
  expect(bytes).toBeGreaterThan(250 * GIB)
})
