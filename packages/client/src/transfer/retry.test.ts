import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { FilesError } from '../errors.ts'
import { delayBefore, Patience, retryPolicy } from './retry.ts'

const failure = (retryAfter?: number) =>
  new FilesError('Provider', 'busy', undefined, retryAfter === undefined ? {} : { retryAfter })
const never = new AbortController().signal

describe('the wait before another try', () => {
  it('is anywhere between nothing and a bound that doubles up to 30 s', () => {
    const policy = retryPolicy(undefined, 8)
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (n, luck) => {
          const random = vi.spyOn(Math, 'random').mockReturnValue(luck)
          const wait = delayBefore(policy, { attempt: n, error: failure() })
          random.mockRestore()
          expect(wait).toBeCloseTo(luck * Math.min(30_000, 500 * 2 ** (n - 1)), 6)
        },
      ),
    )
  })

  it('is at least what the provider asked for, but never more than five minutes because of it', () => {
    const policy = retryPolicy({ max: 1, backoff: () => 10 }, 8)
    const wait = (asked: number) => delayBefore(policy, { attempt: 1, error: failure(asked) })
    expect([wait(0), wait(5000), wait(86_400_000)]).toEqual([10, 5000, 300_000])
  })
})

describe('patience', () => {
  it('ends after as many failures in a row as allowed; progress forgives them, credentials do not count', async () => {
    const told: number[] = []
    let credentials = 1
    const patience = new Patience(
      retryPolicy({ max: 2, backoff: () => 0 }, 8),
      async () => credentials-- > 0,
      ({ attempt }) => told.push(attempt),
    )
    const denied = new FilesError('Unauthorized', 'expired')
    await patience.after(failure(), never)
    await patience.after(failure(), never)
    await patience.after(denied, never)
    await expect(patience.after(failure(), never)).rejects.toThrow('busy')
    patience.progress()
    await patience.after(failure(), never)
    await expect(patience.after(denied, never)).rejects.toBe(denied)
    expect(told).toEqual([1, 2, 1])
  })

  it('has none for what cannot succeed later', async () => {
    const patience = new Patience(
      retryPolicy(8, 8),
      async () => false,
      () => {},
    )
    const final = new FilesError('Conflict', 'taken')
    await expect(patience.after(final, never)).rejects.toBe(final)
  })
})
