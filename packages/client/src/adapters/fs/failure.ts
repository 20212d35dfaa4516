import { FilesError, type FilesErrorCode } from '../../errors.ts'

const CODES: Readonly<Record<string, FilesErrorCode>> = {
  ENOENT: 'NotFound',
  ENOTDIR: 'NotFound',
  EISDIR: 'InvalidKey',
  ENAMETOOLONG: 'InvalidKey',
  EACCES: 'Unauthorized',
  EPERM: 'Unauthorized',
  EROFS: 'ReadOnly',
  EEXIST: 'Conflict',
  ENOSPC: 'QuotaExceeded',
  EDQUOT: 'QuotaExceeded',
  EFBIG: 'QuotaExceeded',
}

/** Runs file operations; what they throw becomes a `FilesError` about `what`. */
export async function onDisk<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof FilesError) throw cause
    const code = errnoOf(cause)
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new FilesError(CODES[code ?? ''] ?? 'Provider', `${what}: ${message}`, cause, {
      retryable: false,
    })
  }
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
