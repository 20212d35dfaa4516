const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const LONG_DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const DAY = `(?:${DAYS.join('|')})`
const LONG_DAY = `(?:${LONG_DAYS.join('|')})`
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hour>[0-9]{2}):(?<minute>[0-9]{2}):(?<second>[0-9]{2})'

/** The one form that is written today, and the two obsolete ones a recipient must still read. */
const FORMS = [
  // IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
  new RegExp(`^${DAY}, (?<day>[0-9]{2}) ${MONTH} (?<year>[0-9]{4}) ${TIME} GMT$`),
  // RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
  new RegExp(`^${LONG_DAY}, (?<day>[0-9]{2})-${MONTH}-(?<year>[0-9]{2}) ${TIME} GMT$`),
  // asctime: Sun Nov  6 08:49:37 1994
  new RegExp(`^${DAY} ${MONTH} (?<day>[0-9]{2}| [0-9]) ${TIME} (?<year>[0-9]{4})$`),
]

/**
 * Reads an HTTP-date in any of its three forms (RFC 9110, section 5.6.7). Exact to the second. The name of
 * the weekday must be one, but need not fit the date; a leap second is the second after it.
 *
 * @param now decides the century of a two-digit year: the latest that is not over 50 years ahead
 * @returns `undefined` for anything else, days that no month has included
 */
export function parseHttpDate(value: string, now: Date = new Date()): Date | undefined {
  for (const form of FORMS) {
    const fields = form.exec(value)?.groups
    if (fields === undefined) continue
    const { year = '', month = '', day = '', hour = '', minute = '', second = '' } = fields
    const at = (fullYear: number) =>
      instant(fullYear, MONTHS.indexOf(month), Number(day), Number(hour), Number(minute), Number(second))
    return year.length === 4 ? at(Number(year)) : latestBefore(fiftyYearsAfter(now), Number(year), at)
  }
  return undefined
}

/**
 * Writes an HTTP-date, as IMF-fixdate (RFC 9110, section 5.6.7). Fractions of a second are dropped.
 *
 * @throws {RangeError} for an invalid date and for years that do not fit four digits
 */
export function formatHttpDate(date: Date): string {
  const year = date.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) {
    throw new RangeError('an HTTP-date needs a valid date in the years 0 to 9999')
  }
  // ECMA-262 defines toUTCString to be exactly this form, in every locale.
  return date.toUTCString()
}

/** Not `Date.UTC`, which takes the years 0 to 99 for 1900 to 1999. */
function instant(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): Date | undefined {
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  if (date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 60) return undefined
  date.setUTCHours(hour, minute, second)
  return date
}

function latestBefore(
  limit: Date,
  twoDigits: number,
  at: (year: number) => Date | undefined,
): Date | undefined {
  const year = Math.floor(limit.getUTCFullYear() / 100) * 100 + twoDigits
  const date = at(year)
  // A 29 February that this century's year lacks may exist a hundred years earlier: 2100 and 2000.
  return date === undefined || date > limit ? at(year - 100) : date
}

function fiftyYearsAfter(now: Date): Date {
  const later = new Date(now)
  later.setUTCFullYear(now.getUTCFullYear() + 50)
  return later
}
