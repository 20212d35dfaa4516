import { expect, test } from 'vitest'
import { LAST_NUMBER, LEAST_PART, partSizes, pieceSizes } from './part-plan.ts'

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

test('5 TiB fit, also in the shortest requests, and when a thousand of them died', () => {
  let bytes = 0
  for (let number = 1; number < LAST_NUMBER; number += 1) bytes += partSizes(number).least
  expect(bytes).toBeGreaterThan(5.2 * 1024 * GIB)
})

test('no part is larger than S3 copies at a time, and none needs more memory than any other', () => {
  for (let number = 1; number < LAST_NUMBER; number += 1) {
    expect(partSizes(number).target).toBeLessThanOrEqual(5 * GIB)
    expect(pieceSizes(partSizes(number)).target).toBeLessThanOrEqual(16 * 2 ** 20)
  }
})
