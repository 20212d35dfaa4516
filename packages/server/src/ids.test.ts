import { expect, test, vi } from 'vitest'
import { orderedName } from './ids.ts'

test('a name made later sorts behind, and its random part has all the bits it was asked for', () => {
  vi.useFakeTimers()
  try {
    const names = [0, 1, 255, 256, 1_800_000_000_000, 281_474_976_710_655].map((time) => {
      vi.setSystemTime(time)
      return orderedName(16)
    })
    expect(names.toSorted()).toEqual(names)
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{44}$/)
  } finally {
    vi.useRealTimers()
  }
})

test('no two names are alike, and no part of one is used again', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => orderedName(i % 2 === 0 ? 16 : 10).slice(12))
  expect(new Set(names).size).toBe(names.length)
  // Each bit is set in about half of them: of 10,000, a fair one is outside of this once in 10^15.
  const long = names.filter((name) => name.length === 32).map((name) => BigInt(`0x${name}`))
  for (let bit = 0n; bit < 128n; bit++) {
    const set = long.filter((random) => (random >> bit) & 1n).length
    expect(Math.abs(set - 5000)).toBeLessThan(400)
  }
})
