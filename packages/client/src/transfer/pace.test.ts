import { expect, it } from 'vitest'
import { Pace } from './pace.ts'

const signal = new AbortController().signal

it('lets as many bytes a second through as allowed', async () => {
  const pace = new Pace(() => 1_000_000)
  const began = Date.now()
  for (let sent = 0; sent < 500_000; sent += 50_000) await pace.take(50_000, signal, () => {})
  const seconds = (Date.now() - began) / 1000
  expect(seconds).toBeGreaterThan(0.2)
  expect(seconds).toBeLessThan(0.75)
})

it('feels a limit that is lifted while it waits', async () => {
  let limit: number | undefined = 10
  const pace = new Pace(() => limit)
  const began = Date.now()
  const waiting = pace.take(1000, signal, () => {})
  setTimeout(() => {
    limit = undefined
  }, 20)
  await waiting
  expect(Date.now() - began).toBeLessThan(1000)
})
