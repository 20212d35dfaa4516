import { expect, test } from 'vitest'
import { type Answer, backoff, judge } from '../src/verdict.ts'

const answer = (method: string, status: number, rest: Partial<Answer> = {}): Answer => ({
  method,
  status,
  genuine: true,
  retryAfter: null,
  body: '',
  ...rest,
})

test('of all statuses, only 404 and 410 on HEAD mean that the bytes are gone', () => {
  for (let status = 100; status < 600; status++) {
    const gone = judge(answer('HEAD', status)).kind === 'gone'
    expect(gone, String(status)).toBe(status === 404 || status === 410)
    for (const method of ['POST', 'PATCH']) expect(judge(answer(method, status)).kind).not.toBe('gone')
    expect(judge(answer('HEAD', status, { genuine: false })).kind).not.toBe('gone')
  }
})

test.each([409, 423, 429, 500, 502, 503, 504])('%d is waited for, whatever was asked', (status) => {
  for (const method of ['HEAD', 'POST', 'PATCH']) expect(judge(answer(method, status)).kind).toBe('wait')
})

test('401 and 403 ask for a key', () => {
  for (const status of [401, 403]) expect(judge(answer('PATCH', status)).kind).toBe('key')
})

test('a wait is as long as the server asks for, within reason', () => {
  expect(judge(answer('PATCH', 503, { retryAfter: '7' }))).toMatchObject({ atLeast: 7000 })
  expect(judge(answer('PATCH', 503, { retryAfter: '999999' }))).toMatchObject({ atLeast: 300_000 })
  expect(judge(answer('PATCH', 503, { retryAfter: 'Wed, 21 Oct 2015 07:28:00 GMT' }))).toMatchObject({
    atLeast: 0,
  })
})

test('the reason of a refusal is the server’s own, as text, and never markup', () => {
  const words = (body: string) => {
    const verdict = judge(answer('POST', 400, { body }))
    return verdict.kind === 'refused' ? verdict.words : ''
  }
  expect(words('too   long')).toBe('The server refused the upload (400): too long')
  expect(words('{"message":"no such thing"}')).toBe('The server refused the upload (400): no such thing')
  expect(words('<html>oops</html>')).toBe('The server refused the upload (400).')
  expect(words('{}')).toBe('The server refused the upload (400).')
  expect(words('x'.repeat(5000)).length).toBeLessThan(300)
})

test('waits double up to 10 s and are spread', () => {
  expect([1, 2, 3, 4, 5, 6, 100].map((failures) => backoff(failures, 0.5))).toEqual([
    500, 1000, 2000, 4000, 8000, 10_000, 10_000,
  ])
  expect(backoff(1, 0)).toBe(400)
  expect(backoff(1, 1)).toBe(600)
})
