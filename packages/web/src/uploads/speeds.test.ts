import { expect, test } from 'vitest'
import { NO_SPEEDS, recent, SHOWN, sample } from './speeds.ts'

test('a sample holds what left in that second, of each upload and of all', () => {
  const before = new Map<string, number>()
  const at = (a: number, b: number) => [
    { id: 'a', sent: a, moving: true },
    { id: 'b', sent: b, moving: true },
  ]
  let speeds = sample(NO_SPEEDS, at(500, 0), before)
  speeds = sample(speeds, at(700, 50), before)
  expect(speeds.total).toEqual([0, 250])
  expect(speeds.each.get('a')).toEqual([0, 200])
  expect(speeds.each.get('b')).toEqual([0, 50])
})

test('bytes of an earlier visit are not counted as sent, and progress that was taken back is none', () => {
  const before = new Map<string, number>()
  let speeds = sample(NO_SPEEDS, [{ id: 'a', sent: 9000, moving: true }], before)
  speeds = sample(speeds, [{ id: 'a', sent: 100, moving: true }], before)
  expect(speeds.total).toEqual([0, 0])
})

test('one that stands still keeps its graph as the same value, so that its row is not drawn again', () => {
  const before = new Map<string, number>()
  const first = sample(NO_SPEEDS, [{ id: 'a', sent: 1, moving: true }], before)
  const second = sample(first, [{ id: 'a', sent: 1, moving: false }], before)
  expect(second.each.get('a')).toBe(first.each.get('a'))
})

test('a graph shows a minute, and no more is kept', () => {
  const before = new Map<string, number>()
  let speeds = NO_SPEEDS
  for (let sent = 0; sent < 100; sent += 1) speeds = sample(speeds, [{ id: 'a', sent, moving: true }], before)
  expect(speeds.total.length).toBe(SHOWN)
  expect(speeds.each.get('a')?.length).toBe(SHOWN)
})

test('the speed beside the graph is that of the last seconds, once there is something to say', () => {
  expect(recent([])).toBeUndefined()
  expect(recent([5])).toBeUndefined()
  expect(recent([1000, 0, 0, 10, 10, 30])).toBe(10)
})
