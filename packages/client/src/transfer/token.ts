/** Between a token and a running upload. */
import { FilesError } from '../errors.ts'
import type { Json } from '../json.ts'
import { type SessionToken, wrongPlace } from '../session.ts'
import type { Course } from './course.ts'
import type { Grid } from './grid.ts'
import type { UploadJob } from './upload.ts'

/** Reads the token's session. It must be for the very place and key that this upload is for. */
export function adopt({ driver, provider, place, intent }: UploadJob, token: SessionToken): Json {
  if (token.provider !== provider) throw wrongPlace('provider', token.provider, provider)
  if (token.place !== place) throw wrongPlace('place', token.place, place)
  if (token.key !== intent.key) throw wrongPlace('key', token.key, intent.key)
  if (token.plan.shape !== driver.shape)
    throw new FilesError('SessionGone', 'the session token was made by a provider of another shape')
  return driver.adopt(token.session)
}

/** The token of an upload as it stands. */
export function tokenOf(job: UploadJob, grid: Grid | undefined, course: Course, session: Json): SessionToken {
  const { provider, place, intent, source } = job
  return {
    pawl: 1,
    provider,
    place,
    key: intent.key,
    contentType: intent.contentType,
    body: {
      size: intent.size,
      ...(source.lastModified === undefined ? {} : { lastModified: source.lastModified }),
      cells: grid?.toRuns() ?? [],
    },
    plan: course.plan(),
    session,
  }
}
