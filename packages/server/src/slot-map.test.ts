import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { SlotMap, Slots } from './slot-map.ts'

const MIB = 1024 * 1024

test('members of a set are found by their numbers, which are used again', () => {
  const slots = new Slots<{ readonly name: string }>()
  const [a, b] = [slots.add({ name: 'a' }), slots.add({ name: 'b' })]
  expect([slots.size, slots.get(a)?.name, slots.get(b)?.name]).toEqual([2, 'a', 'b'])
  slots.remove(a)
  expect([slots.size, [...slots].map(({ name }) => name)]).toEqual([1, ['b']])
  expect(slots.add({ name: 'c' })).toBe(a)
  slots.replace(b, { name: 'd' })
  expect([...slots].map(({ name }) => name)).toEqual(['c', 'd'])
})

test('a map does what a Map does, by any order of changes', () => {
  const [real, map] = [
    new Map<number, { readonly n: number }>(),
    new SlotMap<number, { readonly n: number }>(),
  ]
  let seed = 1
  for (let n = 0; n < 5000; n += 1) {
    seed = (seed * 48_271) % 2_147_483_647
    const [key, value] = [seed % 50, { n }]
    if (seed % 3 === 0) expect(map.delete(key)).toBe(real.delete(key))
    else {
      real.set(key, value)
      map.set(key, value)
    }
    expect([map.size, map.has(key), map.get(key)]).toEqual([real.size, real.has(key), real.get(key)])
  }
  expect([...map.keys()]).toEqual([...real.keys()])
  expect([...map.values()]).toEqual([...real.values()])
  map.clear()
  expect([map.size, [...map.values()]]).toEqual([0, []])
})

test('what was in it dies young, however old the map is', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void
  const map = new SlotMap<number, number[]>()
  map.set(-1, [])
  for (let n = 0; n < 3; n += 1) gc({ type: 'minor' })
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < 400; n += 1) {
    map.set(n, new Array<number>(8192).fill(n))
    map.delete(n - 4)
    if (n % 20 === 0) gc({ type: 'minor' })
  }
  gc({ type: 'minor' })
  // 25 MiB were in it: a `Map` keeps nearly all of them.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * MIB)
})
