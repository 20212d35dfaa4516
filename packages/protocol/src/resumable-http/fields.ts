/**
 * The header fields of Resumable Uploads for HTTP. A value that is not what the draft defines makes the whole field
 * as if it were not there: then the result is undefined.
 */
import { MAX_INTEGER, parseDictionary, parseItem } from '../http/structured-field.ts'

/** Reads `Upload-Offset` or `Upload-Length`: bytes, 0 to 999,999,999,999,999. Sections "Offset" and "Length". */
export function parseByteField(value: string | undefined): number | undefined {
  const item = value === undefined ? undefined : parseItem(value)
  return item?.type === 'integer' && item.value >= 0 ? item.value : undefined
}

/** Reads `Upload-Complete`. Section "Completeness". */
export function parseUploadComplete(value: string | undefined): boolean | undefined {
  const item = value === undefined ? undefined : parseItem(value)
  return item?.type === 'boolean' ? item.value : undefined
}

export function formatUploadComplete(complete: boolean): string {
  return complete ? '?1' : '?0'
}

/** What a server sets as bounds. Sizes in bytes, `maxAge` in seconds from the answer on. Section "Limits". */
export interface UploadLimits {
  readonly maxSize?: number | undefined
  readonly minSize?: number | undefined
  readonly maxAppendSize?: number | undefined
  readonly minAppendSize?: number | undefined
  readonly maxAge?: number | undefined
}

const KEYS = {
  maxSize: 'max-size',
  minSize: 'min-size',
  maxAppendSize: 'max-append-size',
  minAppendSize: 'min-append-size',
  maxAge: 'max-age',
} as const satisfies Record<keyof UploadLimits, string>

const NAMES = Object.keys(KEYS) as (keyof UploadLimits)[]

/** Reads `Upload-Limit`. Unknown members are ignored; a known one of the wrong type makes the field invalid. */
export function parseUploadLimit(value: string | undefined): UploadLimits | undefined {
  const members = value === undefined ? undefined : parseDictionary(value)
  if (members === undefined) return undefined
  const limits: { -readonly [K in keyof UploadLimits]: UploadLimits[K] } = {}
  for (const name of NAMES) {
    // Interop version 6 calls the last one so.
    const member = members.get(KEYS[name]) ?? (name === 'maxAge' ? members.get('expires') : undefined)
    if (member === undefined) continue
    if (member.type !== 'integer' || member.value < 0) return undefined
    limits[name] = member.value
  }
  return limits
}

/**
 * Writes `Upload-Limit`; without any limit it says `min-size=0`. A number that is too large for an Integer becomes
 * the largest one.
 *
 * @param ageName how the lifetime is called in this interop version
 * @throws {RangeError} for what is no count
 */
export function formatUploadLimit(limits: UploadLimits, ageName: 'max-age' | 'expires' = 'max-age'): string {
  const members = NAMES.flatMap((name) => {
    const limit = limits[name]
    if (limit === undefined) return []
    if (!Number.isInteger(limit) || limit < 0) throw new RangeError(`${KEYS[name]} cannot be ${limit}`)
    return [`${name === 'maxAge' ? ageName : KEYS[name]}=${Math.min(limit, MAX_INTEGER)}`]
  })
  return members.length === 0 ? 'min-size=0' : members.join(', ')
}
