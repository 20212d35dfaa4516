import { expect, test } from 'vitest'
import type { ActiveTransfer } from '../uploads/transfers.ts'
import { createHistory } from './history.ts'

const nothing = { active: [] }
const moving = (moved: number) => ({ active: [{ moved } as ActiveTransfer] })

test('a sample tells what happened since the one before it', () => {
  let at = 1000
  const history = createHistory(() => at)
  history.watch(nothing)
  history.transferred(5000, 1, 'ended')
  history.finished(0.2, 'published')
  history.finished(0.4, 'published')
  history.finished(9, 'failed')
  history.refused('rate')
  history.fault()
  history.sample()
  at = 6000
  history.sample()
  const quiet = { bytesPerSecond: 0, active: 0, published: 0, errors: 0, refused: 0, latency: undefined }
  expect(history.samples()).toEqual([
    {
      at: 1000,
      bytesPerSecond: 1000,
      active: 0,
      published: 2,
      errors: 2,
      refused: 1,
      latency: { mean: expect.closeTo(0.3), longest: 0.4 },
    },
    { at: 6000, ...quiet },
  ])
  history.close()
})

test('bytes of a transfer under way count as they come, and bytes taken back are no throughput', () => {
  const history = createHistory(() => 0)
  history.watch(moving(10_000))
  history.sample()
  history.watch(moving(0))
  history.sample()
  history.watch(moving(15_000))
  history.sample()
  expect(history.samples().map(({ bytesPerSecond, active }) => [bytesPerSecond, active])).toEqual([
    [2000, 1],
    [0, 1],
    [1000, 1],
  ])
  history.close()
})

test('an hour is kept, and no more', () => {
  const history = createHistory(() => 0)
  for (let i = 0; i < 800; i += 1) history.sample()
  expect(history.samples().length * history.every).toBe(3600)
})
