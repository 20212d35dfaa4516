import { FilesError } from '../../errors.ts'
import type { Json } from '../../json.ts'
import { sessionFields } from '../../session.ts'
import type { Place } from '../upload-place.ts'

/** One URL, or one for each lane. */
export interface TusSession {
  readonly [name: string]: Json
  readonly urls: readonly string[]
}

/** Reads a session out of a token. @throws FilesError if a URL leads elsewhere. */
export function adoptSession(session: Json, place: Place): TusSession {
  const { urls } = sessionFields(session)
  if (Array.isArray(urls) && urls.length > 0 && urls.every((url) => typeof url === 'string'))
    return { urls: urls.map((url) => place.resolve(url)) }
  throw new FilesError('SessionGone', 'the session token names no upload URL')
}
