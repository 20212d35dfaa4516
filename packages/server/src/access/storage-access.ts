/** Who asks for something of the storage face, and whether they may. */
import type { BucketRecord } from '../objects/bucket.ts'
import { UploadError } from '../uploads/errors.ts'
import type { Judge } from '../uploads/judge.ts'
import type { Allows } from './policies.ts'
import type { Principal } from './principal.ts'
import type { Tokens } from './tokens.ts'

/** A look with a token that expired a moment ago is allowed: a refusal makes clients throw the upload away. */
const LATE_LOOK_MS = 24 * 60 * 60 * 1000

/** Nobody can be told from the credentials of a request. */
export class CredentialError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CredentialError'
  }
}

export interface Credentials {
  readonly authorization: string | undefined
  /** Sent beside the token, or alone where nobody has signed in. */
  readonly apikey: string | undefined
}

/**
 * @param late - also take a token whose only fault is that it expired less than a day ago
 * @throws CredentialError, UploadError `unavailable` while the keys of tokens are out of reach
 */
export async function identify(
  tokens: Tokens,
  { authorization, apikey }: Credentials,
  now: number,
  late = false,
): Promise<Principal> {
  const token = authorization === undefined ? apikey : /^Bearer +([^\s]+)$/i.exec(authorization)?.[1]
  if (token === undefined) {
    throw new CredentialError("headers must have required property 'authorization'")
  }
  const verdict = await tokens.verify(token)
  switch (verdict.kind) {
    case 'valid':
      return verdict.principal
    case 'expired':
      if (late && now - verdict.expiredAt < LATE_LOOK_MS) return verdict.principal
      throw new CredentialError('"exp" claim timestamp check failed')
    case 'invalid':
      throw new CredentialError(verdict.reason)
    case 'undecided':
      throw new UploadError(
        'unavailable',
        'the keys that tokens are checked with are out of reach: try again',
      )
  }
}

/** What becomes of an upload while it goes on, if policies change meanwhile. */
export function storageJudge(
  allows: Allows,
  findBucket: (id: string) => Promise<BucketRecord | undefined>,
): Judge {
  return async (upload, size) => {
    const { face, owner, bucket, key, headers, userMetadata } = upload
    if (face !== 'storage' || owner.role === 'service_role') return { insert: true, replace: true }
    const isPublic = (await findBucket(bucket))?.public ?? false
    const subject = { bucket, key, size, type: headers.contentType, metadata: userMetadata, public: isPublic }
    return {
      insert: await allows(owner, { ...subject, action: 'insert' }),
      replace: upload.precondition === 'none' && (await allows(owner, { ...subject, action: 'update' })),
    }
  }
}
