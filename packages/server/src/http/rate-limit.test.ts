import { expect, test } from 'vitest'
import { RateLimit } from './rate-limit.ts'

function limitAt(rate: number) {
  const clock = { now: 0 }
  return { clock, limit: new RateLimit(rate, () => clock.now) }
}

test('a client may make a second of requests at once, and then as many as come back', () => {
  const { clock, limit } = limitAt(5)
  for (let i = 0; i < 5; i += 1) expect(limit.take('192.0.2.1')).toBe(0)
  expect(limit.take('192.0.2.1')).toBe(1)
  clock.now += 200
  expect(limit.take('192.0.2.1')).toBe(0)
  expect(limit.take('192.0.2.1')).toBe(1)
})

test('clients do not take from each other, but addresses of one IPv6 network are one client', () => {
  const { limit } = limitAt(1)
  expect(limit.take('192.0.2.1')).toBe(0)
  expect(limit.take('192.0.2.2')).toBe(0)
  expect(limit.take('2001:db8::1')).toBe(0)
  expect(limit.take('2001:db8:0:0:ffff::2')).toBe(1)
  expect(limit.take('2001:db8:0:1::1')).toBe(0)
})

test('less than one request a second is possible, and the wait is told', () => {
  const { clock, limit } = limitAt(0.1)
  expect(limit.take('a')).toBe(0)
  expect(limit.take('a')).toBe(10)
  clock.now += 10_000
  expect(limit.take('a')).toBe(0)
})

test('memory is bounded however many addresses there are', () => {
  const { limit } = limitAt(1)
  expect(limit.take('first')).toBe(0)
  for (let i = 0; i < 100_000; i += 1) limit.take(`other-${i}`)
  expect(limit.take('first')).toBe(0)
})
