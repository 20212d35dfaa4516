/**
 * The session token: what another process needs to go on with an upload.
 *
 * Whoever holds a token may be able to write to the upload it names: some providers' sessions are URLs that
 * carry their own permission. Store it like a password.
 */
import type { PartReceipt } from './driver.ts'
import { FilesError } from './errors.ts'
import { isObject, type Json, type JsonObject } from './json.ts'
import type { CellRuns } from './transfer/grid.ts'

/** Longest token that is read, in characters of JSON: the cells, and 10,000 parts that only the token remembers. */
const MAX_TOKEN_LENGTH = 1024 * 1024

/** How the body was cut when the session began; it stays cut that way. */
export type TokenPlan =
  | {
      readonly shape: 'parts'
      readonly partSize: number
      /** Kept only for providers that cannot list what they hold. */
      readonly parts?: readonly PartReceipt[]
    }
  | {
      readonly shape: 'offset'
      /** Where each lane begins. */
      readonly lanes: readonly number[]
    }

export interface SessionToken {
  /** Version of this format. */
  readonly pawl: 1
  /** Name of the adapter that made it. */
  readonly provider: string
  /** Which endpoint, bucket or folder: it must be the one the adapter is configured for. */
  readonly place: string
  readonly key: string
  readonly contentType: string
  readonly body: {
    readonly size: number
    readonly lastModified?: number
    readonly cells: CellRuns
  }
  readonly plan: TokenPlan
  /** The driver's own part. */
  readonly session: Json
}

/** Reads a part of the token. @throws FilesError that names the part */
type Read<T> = (value: unknown, name: string) => T

const text: Read<string> = (value, name) => {
  if (typeof value === 'string') return value
  throw unreadable(`its ${name} is not a string`)
}

const whole: Read<number> = (value, name) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw unreadable(`its ${name} is not a whole number`)
}

/** Before 1970 and between two milliseconds too, as file systems and bodies of one's own tell it. */
const moment: Read<number> = (value, name) => {
  if (typeof value === 'number' && !Number.isNaN(new Date(value).valueOf())) return value
  throw unreadable(`its ${name} is no time`)
}

function optional<T>(read: Read<T>): Read<T | undefined> {
  return (value, name) => (value === undefined ? undefined : read(value, name))
}

function list<T>(read: Read<T>): Read<T[]> {
  return (value, name) => {
    if (Array.isArray(value)) return value.map((item) => read(item, name))
    throw unreadable(`its ${name} is not a list`)
  }
}

/** Every field is read, what else there is left out. */
function fields<T extends object>(shape: { readonly [K in keyof T]-?: Read<T[K] | undefined> }): Read<T> {
  return (value, name) => {
    if (!isObject(value)) throw unreadable(`its ${name} is not an object`)
    const read = Object.entries<Read<unknown>>(shape).map(([key, read]) => [key, read(value[key], key)])
    return Object.fromEntries(read.filter(([, field]) => field !== undefined))
  }
}

const run: Read<readonly [number, string]> = (value, name) => {
  const [first, packed] = list((item) => item)(value, name)
  return [whole(first, name), text(packed, name)]
}

const plan: Read<TokenPlan> = (value, name) => {
  const { shape } = fields<{ shape: string }>({ shape: text })(value, name)
  if (shape === 'offset')
    return { shape, ...fields<{ lanes: number[] }>({ lanes: list(whole) })(value, name) }
  if (shape !== 'parts') throw unreadable('its plan has no known shape')
  const parts = list(fields<PartReceipt>({ number: whole, size: whole, etag: optional(text) }))
  const sizes = { partSize: whole, parts: optional(parts) }
  const read = fields<{ partSize: number; parts?: PartReceipt[] }>(sizes)(value, name)
  if (read.partSize === 0) throw unreadable('its part size is 0')
  return { shape, ...read }
}

/**
 * Reads a token, from an object or from its JSON.
 * @throws FilesError `SessionGone` if it is none, or of a version that this release does not know.
 */
export function parseToken(input: unknown): SessionToken {
  return fields<SessionToken>({
    pawl: (version) => {
      if (version === 1) return version
      throw unreadable(`its version is ${String(version)}, this release knows 1`)
    },
    provider: text,
    place: text,
    key: text,
    contentType: text,
    body: fields({ size: whole, lastModified: optional(moment), cells: list(run) }),
    plan,
    session: (session) => {
      if (session !== undefined) return session as Json
      throw unreadable('it has no session')
    },
  })(parseJson(input), 'text')
}

/** What JSON keeps of it: objects can hold more, and a token is what can be stored. */
function parseJson(input: unknown): unknown {
  try {
    const json = typeof input === 'string' ? input : JSON.stringify(input)
    if (json.length <= MAX_TOKEN_LENGTH) return JSON.parse(json)
  } catch (cause) {
    throw unreadable('it is not JSON', cause)
  }
  throw unreadable(`it is longer than ${MAX_TOKEN_LENGTH} characters`)
}

function unreadable(why: string, cause?: unknown): FilesError {
  return new FilesError(
    'SessionGone',
    `the session token cannot be used: ${why}; start the upload anew`,
    cause,
  )
}

/** A session field for drivers' `adopt`: a string of the token, or the error that says which one is wrong. */
export function sessionText(session: Json, name: string): string {
  return text(sessionFields(session)[name], `session.${name}`)
}

/** The session as an object, for drivers' `adopt`. */
export function sessionFields(session: Json): JsonObject {
  if (isObject(session)) return session
  throw unreadable('its session is not an object')
}

/** The error of a token that is for something else than the call it was given to. */
export function wrongPlace(what: string, theirs: string, ours: string): FilesError {
  return new FilesError(
    'Conflict',
    `the session token is for ${what} ${JSON.stringify(theirs)}, this upload is for ${JSON.stringify(ours)}`,
  )
}
