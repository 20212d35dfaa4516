/** What a setting's value may be: each reader takes text, or the value itself from a config file. */
import { isIPv4, isIPv6 } from 'node:net'
import { type Policies, PolicyRules } from './access/policies.ts'
import { parseS3Address, type S3Address } from './blobs/s3-address.ts'
import { ConfigError } from './config-error.ts'
import { parseWebhookSecret } from './events/webhook/secret.ts'
import { isPercentEncoded } from './percent.ts'

export type Reader<T> = (given: unknown, source: string) => T

function wrong(source: string, given: unknown, expected: string): never {
  throw new ConfigError(`${source} is ${JSON.stringify(given)}, but must be ${expected}`)
}

export const text: Reader<string> = (given, source) =>
  typeof given === 'string' && given !== '' ? given : wrong(source, given, 'a text that is not empty')

export const port: Reader<number> = (given, source) => {
  const number = typeof given === 'string' && /^\d{1,5}$/.test(given) ? Number(given) : given
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 65535
    ? number
    : wrong(source, given, 'a port from 0 (any free one) to 65535')
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** Bytes: `mb` is 10⁶, `mib` is 2²⁰. */
export const size: Reader<number> = (given, source) => {
  const match = /^(\d{1,15}(?:\.\d{1,3})?) ?([kmgt]i?b|b)?$/i.exec(String(given))
  const bytes = Number(match?.[1] ?? Number.NaN) * (UNITS[match?.[2]?.toLowerCase() ?? 'b'] ?? Number.NaN)
  return Number.isSafeInteger(Math.round(bytes))
    ? Math.round(bytes)
    : wrong(source, given, 'a size such as 50gb or 16mib')
}

const SPANS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Longer makes points in time that a date cannot hold. */
const MAX_SPAN = 36_500 * 86_400_000

/** Milliseconds; a number in a config file is taken as them. */
export const duration: Reader<number> = (given, source) => {
  if (typeof given === 'number' && Number.isInteger(given) && given > 0 && given <= MAX_SPAN) return given
  const match = /^(\d{1,9}) ?(ms|s|m|h|d)$/.exec(String(given))
  const ms = Number(match?.[1] ?? Number.NaN) * (SPANS[match?.[2] ?? ''] ?? Number.NaN)
  return ms > 0 && ms <= MAX_SPAN
    ? ms
    : wrong(source, given, 'a time span such as 500ms, 60s or 24h, at most 36500d')
}

export const httpUrl: Reader<string> = (given, source) => {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol)
    ? url.href.replace(/\/$/, '')
    : wrong(source, given, 'a URL that begins with http:// or https://')
}

/** A whole number of things, at least one. */
export const count: Reader<number> = (given, source) => {
  const number = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : given
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 1
    ? number
    : wrong(source, given, 'a whole number of at least 1')
}

/** Things per second, a fraction too; undefined for `off`. */
export const perSecond: Reader<number | undefined> = (given, source) => {
  if (given === 'off') return undefined
  const number = typeof given === 'string' && /^\d{1,9}(\.\d{1,3})?$/.test(given) ? Number(given) : given
  return typeof number === 'number' && number > 0 && Number.isFinite(number)
    ? number
    : wrong(source, given, 'a number per second such as 20, or off')
}

/** Bytes per second; undefined for `off`. */
export const sizePerSecond: Reader<number | undefined> = (given, source) => {
  if (given === 'off') return undefined
  const bytes = size(typeof given === 'string' ? given.replace(/\/s$/, '') : given, source)
  return bytes > 0 ? bytes : wrong(source, given, 'a size per second such as 10kib, or off')
}

/** IP addresses and networks, in a config file only: what lets the server reach its own network is code. */
export const networksInFile: Reader<readonly string[]> = (given, source) =>
  Array.isArray(given) && given.length === 0
    ? []
    : Array.isArray(given)
      ? addresses(given, source)
      : wrong(source, given, 'a list of addresses and networks, in pawl.config.ts')

/** IP addresses and networks. */
export const addresses: Reader<readonly string[]> = (given, source) => {
  const items = list(given, source)
  const valid = items.every((item) => {
    const [address = '', bits] = item.split('/', 2)
    const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1
    return bits === undefined ? most > 0 : /^\d{1,3}$/.test(bits) && Number(bits) <= most
  })
  return valid ? items : wrong(source, given, 'a list of addresses and networks such as 10.0.0.0/8,::1')
}

/** What stands before the paths of a service: no query and no fragment can follow it. */
export const baseUrl: Reader<string> = (given, source) => {
  const url = httpUrl(given, source)
  return /[?#]/.test(url) ? wrong(source, given, 'a URL without ? and #') : url
}

/** A path that other paths stand below: begins with a slash, does not end with one. */
export const mountPath: Reader<string> = (given, source) => {
  const path = pathBelow(given)
  const taken = /^\/(files|uploads|site-media|admin|health|ready|metrics|assets)(\/|$)/.test(path ?? '')
  return path !== undefined && !taken
    ? path
    : wrong(source, given, 'a path such as /storage/v1 that is not used for something else')
}

/** Where another server has this one; nothing else of it is there, so no path is taken. */
export const mountedAt: Reader<string> = (given, source) =>
  given === '/' ? '' : (pathBelow(given) ?? wrong(source, given, 'a path such as /uploads'))

function pathBelow(given: unknown): string | undefined {
  const path = typeof given === 'string' ? given.replace(/\/$/, '') : ''
  return /^(\/[\w.~-]+)+$/.test(path) && !/\/\.{1,2}(\/|$)/.test(path) ? path : undefined
}

/** Who may do what: rules or a function, which only a config file can hold. */
export const policies: Reader<Policies> = (given, source) => {
  if (typeof given === 'function') return given as Policies
  const rules = PolicyRules.safeParse(given)
  if (rules.success) return rules.data
  const [issue] = rules.error.issues
  const at = issue === undefined ? '' : ` (${[...issue.path, issue.message].join(': ')})`
  throw new ConfigError(`${source} must be a list of rules or a function, in pawl.config.ts${at}`)
}

/** Origins as browsers send them, or `*` for all; one with a path or a slash at its end would match none. */
export const origins: Reader<readonly string[]> = (given, source) => {
  const items = list(given, source)
  const valid = items.every((item) => item === '*' || /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+$/.test(item))
  return valid ? items : wrong(source, given, 'a list of origins such as https://app.example, or *')
}

/** Texts separated by commas. */
const list: Reader<readonly string[]> = (given, source) => {
  const items: unknown[] = Array.isArray(given) ? given : typeof given === 'string' ? given.split(',') : []
  const texts = items.map((item) => (typeof item === 'string' ? item.trim() : ''))
  return texts.length > 0 && texts.every((item) => item !== '')
    ? texts
    : wrong(source, given, 'a list such as a,b')
}

export const flag: Reader<boolean> = (given, source) => {
  const text = String(given)
  if (['1', 'true', 'on'].includes(text)) return true
  return ['0', 'false', 'off'].includes(text) ? false : wrong(source, given, '1 or 0')
}

/** An address that is used as it stands, path and query included. */
export const endpoint: Reader<string> = (given, source) => {
  httpUrl(given, source)
  const { username, password } = new URL(String(given))
  // The password is never shown.
  return isPercentEncoded(username) && isPercentEncoded(password)
    ? String(given)
    : wrong(source, '…', 'a URL whose user and password are in percent-encoding: % itself is %25')
}

/** Of Postgres, as its tools take it. */
export const databaseUrl: Reader<string> = (given, source) => {
  const valid =
    typeof given === 'string' && URL.canParse(given) && /^postgres(ql)?:$/.test(new URL(given).protocol)
  // It has a password in it: that is never shown.
  return valid ? given : wrong(source, '…', 'a URL such as postgres://user:password@host:5432/database')
}

/** Where bytes are, other than on the disk. */
export const blobsUrl: Reader<S3Address> = (given, source) => {
  const address = parseS3Address(String(given))
  // Someone may have put credentials into it: those are never shown.
  return 'mustBe' in address ? wrong(source, '…', address.mustBe) : address
}

/** A time span as S3 lets a signature live, in seconds; undefined for `off`. */
export const signatureLife: Reader<number | undefined> = (given, source) => {
  if (given === 'off') return undefined
  const seconds = Math.round(duration(given, source) / 1000)
  return seconds >= 1 && seconds <= 7 * 86_400
    ? seconds
    : wrong(source, given, 'a time span from 1s to 7d, or off')
}

export const webhookSecret: Reader<Uint8Array> = (given, source) =>
  (typeof given === 'string' ? parseWebhookSecret(given) : undefined) ??
  // The value itself is never shown.
  wrong(source, '…', 'whsec_ and base64 of at least 24 bytes, or at least 24 printable ASCII characters')

/** HS256 needs 32 bytes; a shorter secret can be guessed. */
export const secret: Reader<string> = (given, source) =>
  typeof given === 'string' && Buffer.byteLength(given) >= 32
    ? given
    : // The value itself is never shown.
      wrong(source, '…', 'a secret of at least 32 bytes')

export function oneOf<const T extends string>(...choices: readonly T[]): Reader<T> {
  return (given, source) =>
    choices.find((choice) => choice === given) ?? wrong(source, given, `one of ${choices.join(', ')}`)
}
