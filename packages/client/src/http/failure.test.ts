import { expect, it } from 'vitest'
import { statusError } from './failure.ts'
import type { HttpResponse } from './http.ts'

function answer(status: number, retryAfter?: string): HttpResponse {
  return {
    status,
    header: (name) => (name === 'retry-after' ? retryAfter : undefined),
    headers: () => [],
    text: async () => '',
  }
}

it.each([
  [400, 'Provider', false],
  [401, 'Unauthorized', false],
  [403, 'Unauthorized', false],
  [404, 'NotFound', false],
  [408, 'Provider', true],
  [409, 'Conflict', false],
  [410, 'NotFound', false],
  [412, 'Conflict', false],
  [413, 'QuotaExceeded', false],
  [423, 'Provider', true],
  [425, 'Provider', true],
  [429, 'RateLimited', true],
  [500, 'Provider', true],
  [501, 'NotSupported', false],
  [503, 'Provider', true],
  [507, 'QuotaExceeded', true],
])('an answer with %d is %s, another try may help: %s', (status, code, retryable) => {
  expect(statusError('sending', answer(status))).toMatchObject({ code, status, retryable })
  expect(statusError('sending', answer(status), '', true).retryable).toBe(true)
})

it('reads Retry-After in seconds and as a date, and nothing out of anything else', () => {
  const wait = (value?: string) => statusError('sending', answer(503, value)).retryAfter
  expect([wait(), wait('7'), wait('0'), wait('-3'), wait('soon')]).toEqual([undefined, 7000, 0, 0, undefined])
  expect(wait(new Date(Date.now() - 60_000).toUTCString())).toBe(0)
  const minute = wait(new Date(Date.now() + 60_000).toUTCString()) ?? 0
  expect(minute).toBeGreaterThan(50_000)
  expect(minute).toBeLessThanOrEqual(60_000)
})
