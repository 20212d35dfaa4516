/** Who may do what on the plain endpoint. */
import { UploadError } from '../uploads/errors.ts'
import type { UploadRecord } from '../uploads/upload.ts'
import { ANON, isOwnerOrService, type Principal } from './principal.ts'
import type { Tokens } from './tokens.ts'

type Access = Granted | Refused

interface Granted {
  readonly kind: 'granted'
  readonly principal: Principal
  readonly permit: (upload: UploadRecord) => boolean
  readonly mayRead: (owner: Principal) => boolean
}

interface Refused {
  readonly kind: 'refused'
  readonly status: 401 | 403
  readonly message: string
}

type FilesAction = 'create' | 'look' | 'change' | 'read'

/** A look with a token that expired a moment ago is allowed: a refusal makes clients throw the upload away. */
const LATE_LOOK_MS = 24 * 60 * 60 * 1000

export interface FilesAccess {
  /** @throws UploadError `unavailable` while the keys of tokens are out of reach */
  judge(authorization: string | undefined, action: FilesAction): Promise<Access>
}

/** @param open - development mode: the URL is enough */
export function filesAccess(tokens: Tokens, open: boolean, now: () => number): FilesAccess {
  return {
    async judge(authorization, action) {
      if (open) return { kind: 'granted', principal: ANON, permit: () => true, mayRead: () => true }
      const token = bearer(authorization)
      if (token === undefined) return refused(401, 'this needs a token: Authorization: Bearer …')
      const verdict = await tokens.verify(token)
      if (verdict.kind === 'undecided') {
        throw new UploadError(
          'unavailable',
          'the keys that tokens are checked with are out of reach: try again',
        )
      }
      if (verdict.kind === 'invalid') return refused(401, `the token is not valid: ${verdict.reason}`)
      if (verdict.kind === 'expired' && !(action === 'look' && now() - verdict.expiredAt < LATE_LOOK_MS)) {
        return refused(401, 'the token has expired: get a new one')
      }
      const { principal } = verdict
      if (action === 'create' && principal.role === 'anon') {
        return refused(403, 'the anon key may not upload here: a user token or the service key may')
      }
      const mayRead = (owner: Principal): boolean => isOwnerOrService(principal, owner)
      return { kind: 'granted', principal, permit: (upload) => mayRead(upload.owner), mayRead }
    },
  }
}

export function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(authorization ?? '')?.[1]
}

function refused(status: 401 | 403, message: string): Refused {
  return { kind: 'refused', status, message }
}
