import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { PartRule } from '../driver.ts'
import { lanesFor } from './lanes.ts'
import { partsOf, planPartSize } from './plan.ts'

const MIB = 2 ** 20
const s3: PartRule = {
  min: 5 * MIB,
  max: 5 * 2 ** 30,
  maxCount: 10_000,
  maxSize: Math.floor(48.8 * 2 ** 40),
  multiple: 1,
  preferred: 8 * MIB,
}
const graph: PartRule = { ...s3, min: 327_680, max: 60 * MIB - 1, multiple: 327_680, maxSize: 250 * 10 ** 9 }

it('plans parts that the provider accepts, at any size and for any wish', () => {
  for (const rule of [s3, graph]) {
    fc.assert(
      fc.property(
        fc.maxSafeInteger().map((n) => Math.abs(n) % rule.maxSize),
        fc.option(fc.integer({ min: 1, max: 2 ** 31 }), { nil: undefined }),
        (size, wanted) => {
          const partSize = planPartSize(size, rule, wanted)
          expect(partSize).toBeGreaterThanOrEqual(rule.min)
          expect(partSize).toBeLessThanOrEqual(rule.max)
          expect(partSize % rule.multiple).toBe(0)
          expect(Math.ceil(size / partSize)).toBeLessThanOrEqual(rule.maxCount)
        },
      ),
    )
  }
})

it('fits the largest object of S3 into 10,000 parts', () => {
  expect(s3.maxSize / planPartSize(s3.maxSize, s3)).toBeLessThanOrEqual(10_000)
})

it('keeps to a size that was asked for and fits', () => {
  expect(planPartSize(100 * MIB, s3, 16 * MIB)).toBe(16 * MIB)
})

it('says so when a body is too large', () => {
  expect(() => planPartSize(s3.maxSize + 1, s3)).toThrow('more than this provider takes')
})

it('covers every byte once, with parts and with lanes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10 ** 9 }),
      fc.integer({ min: 2 ** 16, max: 10 ** 8 }),
      fc.integer({ min: 1, max: 16 }),
      (size, partSize, count) => {
        let at = 0
        for (const part of partsOf(size, partSize)) {
          expect(part.start).toBe(at)
          at += part.size
        }
        expect(at).toBe(size)
        at = 0
        for (const [index, lane] of lanesFor(size, count, undefined).entries()) {
          expect(lane).toMatchObject({ index, start: at })
          at = lane.end
        }
        expect(at).toBe(size)
      },
    ),
  )
})

it('cuts lanes that cover the whole body, also when half a lane was asked for', () => {
  for (const wanted of [1, 1.5, 2.5, 4]) {
    const lanes = lanesFor(8 * MIB, wanted, undefined)
    expect(lanes).toHaveLength(Math.floor(wanted))
    expect(lanes.at(-1)?.end).toBe(8 * MIB)
  }
})
