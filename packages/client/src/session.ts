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

/** Longest token that is read, in characters of JSON. */
const MAX_TOKEN_LENGTH = 128 * 1024

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

/**
 * Reads a token, from an object or from its JSON.
 * @throws FilesError `SessionGone` if it is none, or of a version that this release does not know.
 */
export function parseToken(input: unknown): SessionToken {
  const value = typeof input === 'string' ? parseJson(input) : input
  if (!isObject(value)) throw unreadable('it is not an object')
  if (value.pawl !== 1) throw unreadable(`its version is ${String(value.pawl)}, this release knows 1`)
  const { session } = value
  if (!isJson(session)) throw unreadable('its session is not JSON')
  const body = object(value.body, 'body')
  const lastModified =
    body.lastModified === undefined ? undefined : whole(body.lastModified, 'body.lastModified')
  return {
    pawl: 1,
    provider: text(value.provider, 'provider'),
    place: text(value.place, 'place'),
    key: text(value.key, 'key'),
    contentType: text(value.contentType, 'contentType'),
    body: {
      size: whole(body.size, 'body.size'),
      ...(lastModified === undefined ? {} : { lastModified }),
      cells: list(body.cells, 'body.cells').map(parseRun),
    },
    plan: parsePlan(object(value.plan, 'plan')),
    session,
  }
}

function parsePlan(plan: Fields): TokenPlan {
  if (plan.shape === 'offset') {
    return { shape: 'offset', lanes: list(plan.lanes, 'plan.lanes').map((lane) => whole(lane, 'plan.lanes')) }
  }
  if (plan.shape !== 'parts') throw unreadable('its plan has no known shape')
  const partSize = whole(plan.partSize, 'plan.partSize')
  if (partSize === 0) throw unreadable('its part size is 0')
  return plan.parts === undefined
    ? { shape: 'parts', partSize }
    : { shape: 'parts', partSize, parts: list(plan.parts, 'plan.parts').map(parseReceipt) }
}

function parseReceipt(value: unknown): PartReceipt {
  const part = object(value, 'plan.parts')
  const receipt = { number: whole(part.number, 'part.number'), size: whole(part.size, 'part.size') }
  return part.etag === undefined ? receipt : { ...receipt, etag: text(part.etag, 'part.etag') }
}

function parseRun(value: unknown): [number, string] {
  const [first, packed] = list(value, 'body.cells')
  return [whole(first, 'body.cells'), text(packed, 'body.cells')]
}

type Fields = { readonly [name: string]: unknown }

function parseJson(input: string): unknown {
  if (input.length > MAX_TOKEN_LENGTH) throw unreadable(`it is longer than ${MAX_TOKEN_LENGTH} characters`)
  try {
    return JSON.parse(input)
  } catch (cause) {
    throw unreadable('it is not JSON', cause)
  }
}

function object(value: unknown, name: string): Fields {
  if (isObject(value)) return value
  throw unreadable(`its ${name} is not an object`)
}

function list(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw unreadable(`its ${name} is not a list`)
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw unreadable(`its ${name} is not a string`)
}

function whole(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw unreadable(`its ${name} is not a whole number`)
}

function isJson(value: unknown): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isJson)
  return isObject(value) && Object.values(value).every(isJson)
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
  if (typeof session === 'object' && session !== null && !isList(session)) return session
  throw unreadable('its session is not an object')
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value)
}

/** The error of a token that is for something else than the call it was given to. */
export function wrongPlace(what: string, theirs: string, ours: string): FilesError {
  return new FilesError(
    'Conflict',
    `the session token is for ${what} ${JSON.stringify(theirs)}, this upload is for ${JSON.stringify(ours)}`,
    undefined,
    { retryable: false },
  )
}
