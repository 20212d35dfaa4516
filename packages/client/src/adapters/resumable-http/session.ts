import { FilesError } from '../../errors.ts'
import type { Json } from '../../json.ts'
import { sessionFields } from '../../session.ts'
import type { Place } from '../upload-place.ts'

/** The upload resource; null for an upload that a server took without offering one. */
export interface ResumableSession {
  readonly [name: string]: Json
  readonly url: string | null
}

/** Reads a session out of a token. @throws FilesError if its URL leads elsewhere. */
export function adoptSession(session: Json, place: Place): ResumableSession {
  const { url } = sessionFields(session)
  if (url === null) return { url }
  if (typeof url === 'string') return { url: place.resolve(url) }
  throw new FilesError('SessionGone', 'the session token names no upload URL')
}
