import { FilesError, type FilesErrorCode } from '../../errors.ts'

/** https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02#section-7 */
export const NO_SUCH_FILE = 2
const CODES: Readonly<Record<number, FilesErrorCode>> = {
  [NO_SUCH_FILE]: 'NotFound',
  3: 'Unauthorized',
  8: 'NotSupported',
}
const CONNECTION_LOST = [6, 7]

/** The status that a server answered with; undefined for everything else that can go wrong. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

/** What an SFTP call threw, as a `FilesError` about `what`. */
export function sftpError(what: string, cause: unknown): FilesError {
  if (cause instanceof FilesError) return cause
  const message = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`
  const status = statusOf(cause)
  if (status !== undefined)
    return new FilesError(CODES[status] ?? 'Provider', message, cause, {
      retryable: CONNECTION_LOST.includes(status),
    })
  const level = cause instanceof Error && 'level' in cause ? cause.level : undefined
  if (level === 'client-authentication') return new FilesError('Unauthorized', message, cause)
  if (/does not support this extended request/.test(message))
    return new FilesError('NotSupported', message, cause)
  return new FilesError('Provider', message, cause)
}
