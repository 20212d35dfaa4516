import { expect, test } from 'vitest'
import { GatherBudget } from './gather-budget.ts'

const MIB = 1024 * 1024

test('an upload may gather what is free of the cap, within bounds', () => {
  const budget = new GatherBudget(4 * MIB)
  expect(budget.share).toBe(2 * MIB)
  budget.take(3 * MIB)
  expect(budget.share).toBe(MIB)
  budget.take(2 * MIB)
  expect(budget.share).toBe(0)
  budget.give(4 * MIB)
  expect(budget.share).toBe(2 * MIB)
})

test('uploads that gather side by side get equal parts and stay within the cap', () => {
  const budget = new GatherBudget(4 * MIB)
  const held = Array.from({ length: 8 }, () => 0)
  for (let round = 0; round < 200; round += 1) {
    for (const [n, bytes] of held.entries()) {
      if (bytes >= budget.share) continue
      budget.take(MIB / 64)
      held[n] = bytes + MIB / 64
    }
  }
  expect(budget.used).toBeLessThanOrEqual(4 * MIB)
  expect(Math.max(...held) - Math.min(...held)).toBeLessThanOrEqual(MIB / 64)
  expect(Math.min(...held)).toBeGreaterThan(MIB / 4)
})
