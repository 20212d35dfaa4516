import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ratio, seededRandom, shuffled, summary } from '../bench/statistics.ts'

test('the median of an odd count is the value in the middle, in whatever order they came', () => {
  expect(summary([9, 1, 5])).toEqual({ median: 5, min: 1, max: 9 })
})

test('the median of an even count lies between the two in the middle', () => {
  expect(summary([4, 1, 3, 100]).median).toBe(3.5)
})

test('one outlier moves the spread and not the median', () => {
  expect(summary([10, 11, 12, 13, 5000])).toEqual({ median: 12, min: 10, max: 5000 })
})

test('nothing measured is an error and not a zero', () => {
  expect(() => summary([])).toThrow(RangeError)
})

/** Nothing that a clock or a counter tells overflows when two of it are added. */
const measured = fc.double({ min: 0, max: 1e15, noNaN: true })

test('as many values lie below the median as above it', () => {
  fc.assert(
    fc.property(fc.array(measured, { minLength: 1 }), (values) => {
      const { median, min, max } = summary(values)
      expect(min <= median && median <= max).toBe(true)
      const below = values.filter((value) => value < median).length
      const above = values.filter((value) => value > median).length
      expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2)
    }),
  )
})

test('a ratio is that of the medians, and its spread that of the rounds', () => {
  expect(ratio([10, 20, 60], [10, 10, 20])).toEqual({ median: 2, min: 1, max: 3 })
})

test('a machine that was slow for a round does not widen the spread of the ratio', () => {
  const { min, max } = ratio([100, 10, 100], [50, 5, 50])
  expect([min, max]).toEqual([2, 2])
})

test('a seed decides the order, and every item stays', () => {
  const items = Array.from({ length: 20 }, (_, i) => i)
  const once = shuffled(items, seededRandom(7))
  expect(shuffled(items, seededRandom(7))).toEqual(once)
  expect(once).not.toEqual(items)
  expect(once.toSorted((a, b) => a - b)).toEqual(items)
  expect(shuffled(items, seededRandom(8))).not.toEqual(once)
})
