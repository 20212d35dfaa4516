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

test('what was looked at for the last time is freed at once, but no memory that others have a part in', () => {
  const alone = [new Uint8Array(10), Buffer.allocUnsafeSlow(10)]
  const shared = new Uint8Array(20)
  const among = [shared.subarray(0, 10), new Uint8Array(new SharedArrayBuffer(10)), Buffer.from('of a pool')]
  const garbage = new Garbage(() => {})
  garbage.spent([...alone, ...among])
  expect([...alone, ...among].map(({ byteLength }) => byteLength)).toEqual([0, 0, 10, 10, 9])
  expect(shared.byteLength).toBe(20)
})

test('a process that is not ours keeps its memory', () => {
  const chunk = new Uint8Array(10)
  new Garbage().spent([chunk])
  expect(chunk.byteLength).toBe(10)
})
