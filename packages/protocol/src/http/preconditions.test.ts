import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evaluatePreconditions, type PreconditionHeaders, rangeApplies } from './preconditions.ts'

const current = { etag: '"v1"', lastModified: new Date('2026-08-01T12:00:00.750Z') }
const before = 'Sat, 01 Aug 2026 11:59:59 GMT'
const same = 'Sat, 01 Aug 2026 12:00:00 GMT'
const after = 'Sat, 01 Aug 2026 12:00:01 GMT'

const get = (headers: PreconditionHeaders, etag = current.etag) =>
  evaluatePreconditions(headers, { ...current, etag }, 'GET')

test('a request without conditions proceeds', () => {
  expect(get({})).toBe('proceed')
})

describe('If-Match', () => {
  test.each([
    ['"v1"', 'proceed'],
    ['"v0", "v1"', 'proceed'],
    ['"v0","v1" ,', 'proceed'],
    ['*', 'proceed'],
    [' * ', 'proceed'],
    ['"v2"', 'failed'],
    ['W/"v1"', 'failed'],
    ['"V1"', 'failed'],
    ['', 'failed'],
    ['v1', 'failed'],
    ['"v1', 'failed'],
    ['"v1" "v2"', 'failed'],
    ['"v1", oops', 'failed'],
    ['"v0", *', 'failed'],
    ['w/"v1"', 'failed'],
  ])('%s of "v1" has the outcome %s', (value, outcome) => {
    expect(get({ 'if-match': value })).toBe(outcome)
  })

  test('never matches when the current tag is weak', () => {
    expect(get({ 'if-match': 'W/"v1"' }, 'W/"v1"')).toBe('failed')
  })
})

describe('If-None-Match', () => {
  test.each([
    ['"v1"', 'not-modified'],
    ['W/"v1"', 'not-modified'],
    ['"v0", W/"v1", "v2"', 'not-modified'],
    [', "v1"', 'not-modified'],
    ['*', 'not-modified'],
    ['"v2"', 'proceed'],
    ['"v0", W/"v2"', 'proceed'],
    ['', 'proceed'],
    ['v1', 'proceed'],
    ['"v1" oops', 'proceed'],
  ])('%s of "v1" has the outcome %s', (value, outcome) => {
    expect(get({ 'if-none-match': value })).toBe(outcome)
    expect(evaluatePreconditions({ 'if-none-match': value }, current, 'HEAD')).toBe(outcome)
  })

  test('takes commas and bytes above ASCII inside a tag as part of it, and a tag may be empty', () => {
    expect(get({ 'if-none-match': '"a", "v,1"' }, '"v,1"')).toBe('not-modified')
    expect(get({ 'if-none-match': '"v"' }, '"v,1"')).toBe('proceed')
    expect(get({ 'if-none-match': '"\u00e9"' }, '"\u00e9"')).toBe('not-modified')
    expect(get({ 'if-none-match': '""' }, '""')).toBe('not-modified')
  })

  test('fails what is no read, also when it is malformed or empty', () => {
    for (const value of ['*', '"v1"', 'v1', '', ' ,']) {
      expect(evaluatePreconditions({ 'if-none-match': value }, current, 'PUT')).toBe('failed')
    }
    expect(evaluatePreconditions({ 'if-none-match': '"v2"' }, current, 'PUT')).toBe('proceed')
  })
})

describe('If-Modified-Since', () => {
  test.each([
    [before, 'proceed'],
    [same, 'not-modified'],
    [after, 'not-modified'],
    ['Saturday, 01-Aug-26 12:00:00 GMT', 'not-modified'],
    ['yesterday', 'proceed'],
    ['', 'proceed'],
    [`${same}, ${same}`, 'proceed'],
  ])('%s has the outcome %s', (value, outcome) => {
    expect(get({ 'if-modified-since': value })).toBe(outcome)
  })

  test('is ignored for what is no read', () => {
    expect(evaluatePreconditions({ 'if-modified-since': same }, current, 'DELETE')).toBe('proceed')
  })
})

describe('If-Unmodified-Since', () => {
  test.each([
    [before, 'failed'],
    [same, 'proceed'],
    [after, 'proceed'],
    ['yesterday', 'proceed'],
  ])('%s has the outcome %s', (value, outcome) => {
    expect(get({ 'if-unmodified-since': value })).toBe(outcome)
  })
})

describe('the order of RFC 9110, section 13.2.2', () => {
  test('lets If-Match silence If-Unmodified-Since', () => {
    expect(get({ 'if-match': '"v1"', 'if-unmodified-since': before })).toBe('proceed')
  })

  test('lets If-None-Match silence If-Modified-Since', () => {
    expect(get({ 'if-none-match': '"v2"', 'if-modified-since': same })).toBe('proceed')
    expect(get({ 'if-none-match': 'malformed', 'if-modified-since': same })).toBe('proceed')
  })

  test('judges failure before freshness', () => {
    expect(get({ 'if-match': '"v2"', 'if-none-match': '"v1"' })).toBe('failed')
    expect(get({ 'if-unmodified-since': before, 'if-modified-since': same })).toBe('failed')
    expect(get({ 'if-match': '"v1"', 'if-none-match': '"v1"' })).toBe('not-modified')
  })
})

describe('a range', () => {
  test.each([
    [undefined, true],
    ['"v1"', true],
    ['"v2"', false],
    [same, false],
    ['W/"v1"', false],
    ['"v1", "v2"', false],
    ['*', false],
    ['', false],
    [before, false],
    [after, false],
    ['yesterday', false],
  ])('under If-Range: %s applies: %s', (value, applies) => {
    expect(rangeApplies({ 'if-range': value }, current)).toBe(applies)
  })

  test('never applies by a weak tag, not even the same one', () => {
    expect(rangeApplies({ 'if-range': 'W/"v1"' }, { ...current, etag: 'W/"v1"' })).toBe(false)
  })
})

describe('whatever the headers hold', () => {
  const text = fc.option(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'W/"v1, *') }),
      fc.constantFrom('"v1"', '*', before, same, after),
    ),
    { nil: undefined },
  )
  const headers = fc.record({
    'if-match': text,
    'if-none-match': text,
    'if-modified-since': text,
    'if-unmodified-since': text,
    'if-range': text,
  })

  test('there is an answer, and never an exception', () => {
    fc.assert(
      fc.property(headers, (value) => {
        expect(['proceed', 'not-modified', 'failed']).toContain(get(value))
        expect(typeof rangeApplies(value, current)).toBe('boolean')
      }),
      { numRuns: 5000 },
    )
  })

  test('a list holds exactly the tags it was made of', () => {
    const tag = fc.stringMatching(/^"[!#-~]{0,4}"$/)
    fc.assert(
      fc.property(fc.array(tag, { minLength: 1 }), tag, (tags, etag) => {
        const outcome = get({ 'if-none-match': tags.join(', ') }, etag)
        expect(outcome).toBe(tags.includes(etag) ? 'not-modified' : 'proceed')
      }),
      { numRuns: 2000 },
    )
  })

  test('a megabyte takes linear time', () => {
    const start = Date.now()
    for (const piece of ['"a",', '"', ',', ' ', 'W/', '"a" ']) {
      get({ 'if-none-match': piece.repeat(2 ** 20 / piece.length) })
    }
    expect(Date.now() - start).toBeLessThan(2000)
  })
})
