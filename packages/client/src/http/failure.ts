import { FilesError, type FilesErrorDetails } from '../errors.ts'
import type { HttpResponse } from './http.ts'

/** The error of a request without an answer: whether it was carried out is unknown. */
export function noAnswer(method: string, url: string, cause: unknown): FilesError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new FilesError('Provider', `${method} ${withoutSecrets(url)} had no answer: ${why}`, cause)
}

/** `Retry-After` in milliseconds. */
export function retryAfterOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const seconds = Number(value)
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(wait) ? undefined : Math.max(0, wait)
}

/**
 * What an answer's status means by itself, before a protocol says more.
 * @param again Another try may help, whatever the status.
 */
export function statusError(
  what: string,
  response: HttpResponse,
  explanation = '',
  again = false,
): FilesError {
  const { status } = response
  const wait = retryAfterOf(response.header('retry-after'))
  const details: FilesErrorDetails = {
    status,
    ...(wait === undefined ? {} : { retryAfter: wait }),
    retryable:
      again ||
      (status >= 500 && status !== 501) ||
      status === 408 ||
      status === 423 ||
      status === 425 ||
      status === 429,
  }
  const text = explanation.trim().slice(0, 500)
  return new FilesError(
    codeOf(status),
    `${what}: the provider answered ${status}${text && `: ${text}`}`,
    undefined,
    details,
  )
}

function codeOf(status: number) {
  if (status === 401 || status === 403) return 'Unauthorized'
  if (status === 404 || status === 410) return 'NotFound'
  if (status === 409 || status === 412) return 'Conflict'
  if (status === 501) return 'NotSupported'
  if (status === 413 || status === 507) return 'QuotaExceeded'
  return status === 429 ? 'RateLimited' : 'Provider'
}

/** URLs of uploads are often capabilities: only their beginning is shown. */
function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + (pathname.length > 24 ? `${pathname.slice(0, 24)}…` : pathname)
}
