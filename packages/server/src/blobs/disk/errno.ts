/** What the system's error numbers mean for a store. */
import type { StoreErrorCode } from '../blob-store.ts'
import { StoreError } from '../blob-store.ts'

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const MEANING: Readonly<Record<string, StoreErrorCode>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EFBIG: 'no-space',
  ENOENT: 'missing',
}

/** @param what - the thing that was tried, for the message: "create segment ab12…" */
export function asStoreError(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const errno = errnoOf(error)
  const code = (errno === undefined ? undefined : MEANING[errno]) ?? 'unavailable'
  return new StoreError(code, `could not ${what}: ${errno ?? String(error)}`, error)
}
