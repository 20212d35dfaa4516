import { expect, test } from 'vitest'
import { Garbage } from './garbage.ts'

const MIB = 1024 * 1024

/** How many MiB pass, one at a time, until what they left is freed. */
function passedUntilFreed(garbage: Garbage, freed: () => number): number {
  const before = freed()
  for (let passed = 1; passed <= 1000; passed += 1) {
    garbage.passed(MIB)
    if (freed() > before) return passed
  }
  throw new Error('nothing was freed')
}

test('what passing bytes leave is freed again and again, in small steps', () => {
  let freed = 0
  const garbage = new Garbage(() => (freed += 1))
  for (let i = 0; i < 3; i += 1) expect(passedUntilFreed(garbage, () => freed)).toBe(8)
})

test('the more is held, the more passes first: a collection must not meet the same buffers twice', () => {
  let freed = 0
  const garbage = new Garbage(() => (freed += 1))
  garbage.hold(20 * MIB)
  expect(passedUntilFreed(garbage, () => freed)).toBe(40)
  garbage.letGo(20 * MIB)
  expect(passedUntilFreed(garbage, () => freed)).toBe(8)
})
