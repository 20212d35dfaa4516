/** Where tokens rest between runs. What is kept can be a secret: see the session token. */
import type { SessionToken } from '../session.ts'

export interface SessionStore {
  get(id: string): Promise<SessionToken | undefined>
  set(id: string, token: SessionToken): Promise<void>
  delete(id: string): Promise<void>
  /** Every session kept here. */
  list(): Promise<readonly StoredSession[]>
}

export interface StoredSession {
  readonly id: string
  readonly token: SessionToken
}

/**
 * Names the upload of one body to one place. Another body has another name: a new version of a file is not
 * taken for the interrupted upload of the old one.
 */
export function sessionId(upload: {
  readonly provider: string
  readonly place: string
  readonly key: string
  readonly size: number
  readonly lastModified: number | undefined
}): string {
  const { provider, place, key, size, lastModified } = upload
  return JSON.stringify([provider, place, key, size, lastModified ?? null])
}
