import { FilesError, type FilesErrorCode } from '../../errors.ts'

/** https://www.rfc-editor.org/rfc/rfc959#section-4.2 */
const CODES: Readonly<Record<number, FilesErrorCode>> = {
  430: 'Unauthorized',
  452: 'QuotaExceeded',
  501: 'NotSupported',
  502: 'NotSupported',
  504: 'NotSupported',
  530: 'Unauthorized',
  532: 'Unauthorized',
  550: 'NotFound',
  552: 'QuotaExceeded',
  553: 'InvalidKey',
}

/** The code of a server's refusal; undefined for everything else that can go wrong. */
export function replyOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

/** What an FTP call threw, as a `FilesError` about `what`. The server's words hold no credentials. */
export function ftpError(what: string, cause: unknown): FilesError {
  if (cause instanceof FilesError) return cause
  const code = replyOf(cause)
  const message = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`
  if (code === undefined) return new FilesError('Provider', message, cause)
  // 4yz: the same may succeed later.
  return new FilesError(CODES[code] ?? 'Provider', message, cause, {
    retryable: code < 500 && code !== 452 && code !== 430,
  })
}
