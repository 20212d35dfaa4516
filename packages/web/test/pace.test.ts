import { expect, test } from 'vitest'
import { createPace } from '../src/pace.ts'

test('a steady transfer shows its speed, and a burst moves it only a little', () => {
  const pace = createPace()
  pace.reset(0, 0)
  for (let time = 100; time <= 5000; time += 100) pace.note(time * 1000, time)
  expect(pace.speed(5000)).toBeCloseTo(1_000_000, -3)
  pace.note(5_000_000 + 3_000_000, 5300)
  expect(pace.speed(5300)).toBeLessThan(2_000_000)
})

test('bytes that were there before are not speed, and there is no figure at first', () => {
  const pace = createPace()
  pace.reset(1_000_000_000, 0)
  expect(pace.speed(0)).toBeUndefined()
  pace.note(1_000_100_000, 1000)
  expect(pace.speed(1000)).toBeCloseTo(100_000)
})
