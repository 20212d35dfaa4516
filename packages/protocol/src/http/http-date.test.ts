import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatHttpDate, parseHttpDate } from './http-date.ts'

const iso = (value: string, now?: Date) => parseHttpDate(value, now)?.toISOString()

describe('an HTTP-date', () => {
  test.each([
    ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT'],
    ['asctime', 'Sun Nov  6 08:49:37 1994'],
  ])('is read in the form of %s', (_, value) => {
    expect(iso(value)).toBe('1994-11-06T08:49:37.000Z')
  })

  test('is read in asctime with two digits of day', () => {
    expect(iso('Wed Nov 16 08:49:37 1994')).toBe('1994-11-16T08:49:37.000Z')
  })

  test('is written as IMF-fixdate, fractions dropped', () => {
    expect(formatHttpDate(new Date('1994-11-06T08:49:37.999Z'))).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
  })

  test('with two digits of year is at most fifty years ahead', () => {
    const now = new Date('2026-08-01T00:00:00Z')
    expect(iso('Saturday, 01-Aug-76 00:00:00 GMT', now)).toBe('2076-08-01T00:00:00.000Z')
    expect(iso('Saturday, 01-Aug-76 00:00:01 GMT', now)).toBe('1976-08-01T00:00:01.000Z')
    expect(iso('Saturday, 01-Jan-00 00:00:00 GMT', now)).toBe('2000-01-01T00:00:00.000Z')
    expect(iso('Friday, 31-Dec-99 23:59:59 GMT', now)).toBe('1999-12-31T23:59:59.000Z')
    expect(iso('Friday, 01-Jan-10 00:00:00 GMT', new Date('2070-01-01T00:00:00Z'))).toBe(
      '2110-01-01T00:00:00.000Z',
    )
  })

  test('with two digits of year finds the century that has the day', () => {
    expect(iso('Tuesday, 29-Feb-00 00:00:00 GMT', new Date('2080-01-01T00:00:00Z'))).toBe(
      '2000-02-29T00:00:00.000Z',
    )
  })

  test('takes a leap second for the second after it', () => {
    expect(iso('Sat, 31 Dec 2016 23:59:60 GMT')).toBe('2017-01-01T00:00:00.000Z')
  })

  test('knows leap years and the years before 100', () => {
    expect(iso('Thu, 29 Feb 2024 00:00:00 GMT')).toBe('2024-02-29T00:00:00.000Z')
    expect(iso('Thu, 29 Feb 2023 00:00:00 GMT')).toBeUndefined()
    expect(iso('Sat, 01 Jan 0050 00:00:00 GMT')).toBe('0050-01-01T00:00:00.000Z')
  })

  test.each([
    '',
    '0',
    '1994-11-06T08:49:37Z',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'sun, 06 nov 1994 08:49:37 gmt',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Xyz, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sunday, 31-Nov-94 08:49:37 GMT',
  ])('is not %j', (value) => {
    expect(parseHttpDate(value)).toBeUndefined()
  })

  test('is never written for what has none', () => {
    for (const date of [
      new Date(Number.NaN),
      new Date('-000001-01-01T00:00:00Z'),
      new Date('+010000-01-01T00:00:00Z'),
    ]) {
      expect(() => formatHttpDate(date)).toThrow(RangeError)
    }
  })

  test('comes back as it was written, from year 0 to year 9999', () => {
    const date = fc.date({
      min: new Date('0000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(date, (instant) => {
        const whole = Math.floor(instant.getTime() / 1000) * 1000
        expect(parseHttpDate(formatHttpDate(instant))?.getTime()).toBe(whole)
      }),
      { numRuns: 2000 },
    )
  })

  test('is a date or undefined, whatever the text', () => {
    const twoDigits = fc.nat({ max: 99 }).map((number) => String(number).padStart(2, '0'))
    const almost = fc
      .tuple(
        twoDigits,
        fc.constantFrom('Feb', 'Apr', 'Dec', 'Foo'),
        twoDigits,
        twoDigits,
        twoDigits,
        twoDigits,
      )
      .chain(([day, month, year, hour, minute, second]) =>
        fc.constantFrom(
          `Sun, ${day} ${month} 20${year} ${hour}:${minute}:${second} GMT`,
          `Sunday, ${day}-${month}-${year} ${hour}:${minute}:${second} GMT`,
          `Sun ${month} ${day} ${hour}:${minute}:${second} 20${year}`,
        ),
      )
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), almost), (value) => {
        const date = parseHttpDate(value)
        if (date !== undefined) expect(parseHttpDate(formatHttpDate(date))).toEqual(date)
      }),
      { numRuns: 5000 },
    )
  })
})
