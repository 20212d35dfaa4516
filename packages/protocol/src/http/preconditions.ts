import { parseHttpDate } from './http-date.ts'

/** The conditional headers of a request, keyed as Node's `IncomingMessage.headers` keys them. */
export type PreconditionHeaders = {
  readonly 'if-match'?: string | undefined
  readonly 'if-none-match'?: string | undefined
  readonly 'if-modified-since'?: string | undefined
  readonly 'if-unmodified-since'?: string | undefined
  readonly 'if-range'?: string | undefined
}

/** What identifies the current representation: a strong entity tag with its quotes, and its age. */
export type Validators = { readonly etag: string; readonly lastModified: Date }

/** Go on; answer 304; answer 412. */
export type PreconditionResult = 'proceed' | 'not-modified' | 'failed'

const ANY = /^[ \t]*\*[ \t]*$/
/** `etagc` (RFC 9110, section 8.8.3) may be a comma, so a list cannot be split at commas. */
const TAG = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)/gy
const NO_MORE = /^[ \t,]*$/

/**
 * Decides whether a request for an existing representation goes ahead, in the order of RFC 9110,
 * section 13.2.2. Evaluate only when the answer without these headers would be a success.
 *
 * A malformed list never withholds content and never lets anything be overwritten: `If-Match` fails,
 * `If-None-Match` lets a read through and fails anything else. A malformed date is ignored (sections 13.1.3
 * and 13.1.4). Never throws.
 *
 * @param method as in the request line; only `GET` and `HEAD` can be answered "not modified"
 */
export function evaluatePreconditions(
  headers: PreconditionHeaders,
  current: Validators,
  method: string,
): PreconditionResult {
  const reads = method === 'GET' || method === 'HEAD'
  const ifMatch = headers['if-match']
  const ifNoneMatch = headers['if-none-match']

  if (ifMatch !== undefined) {
    const matched = listMatches(ifMatch, (tag) => strongMatch(tag, current.etag)) ?? false
    if (!matched) return 'failed'
  } else {
    const since = dateIn(headers['if-unmodified-since'])
    if (since !== undefined && seconds(current.lastModified) > seconds(since)) return 'failed'
  }

  if (ifNoneMatch !== undefined) {
    const matched = listMatches(ifNoneMatch, (tag) => weakMatch(tag, current.etag)) ?? !reads
    if (matched) return reads ? 'not-modified' : 'failed'
  } else if (reads) {
    const since = dateIn(headers['if-modified-since'])
    if (since !== undefined && seconds(current.lastModified) <= seconds(since)) return 'not-modified'
  }
  return 'proceed'
}

/**
 * Decides whether a `Range` may be honoured: true without `If-Range`, or when it names the current
 * representation by strong comparison of its tag (RFC 9110, section 13.1.5). Never throws; what is malformed
 * names nothing.
 *
 * No date does: of two representations within one second it would give a part of the second to whoever has the
 * beginning of the first.
 */
export function rangeApplies(headers: PreconditionHeaders, current: Validators): boolean {
  const ifRange = headers['if-range']
  return ifRange === undefined || strongMatch(ifRange, current.etag)
}

/** `undefined` when the list is malformed or empty: what it would match cannot be told. */
function listMatches(list: string, matches: (tag: string) => boolean): boolean | undefined {
  return ANY.test(list) || entityTags(list)?.some(matches)
}

function entityTags(list: string): string[] | undefined {
  const tags: string[] = []
  let read = 0
  for (const [element, tag = ''] of list.matchAll(TAG)) {
    tags.push(tag)
    read += element.length
  }
  return tags.length > 0 && NO_MORE.test(list.slice(read)) ? tags : undefined
}

/** RFC 9110, section 8.8.3.2: equal, and neither is weak. */
function strongMatch(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/')
}

/** RFC 9110, section 8.8.3.2: equal apart from weakness. */
function weakMatch(a: string, b: string): boolean {
  return opaque(a) === opaque(b)
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

function dateIn(value: string | undefined): Date | undefined {
  return value === undefined ? undefined : parseHttpDate(value)
}

/** Headers carry whole seconds: without rounding, a date sent back to us would look older than its source. */
function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}
