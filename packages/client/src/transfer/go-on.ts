import type { ProviderResult } from '../driver.ts'
import type { Json } from '../json.ts'
import type { SessionToken } from '../session.ts'
import type { Course } from './course.ts'
import { patienceOf, type Transfer } from './transfer.ts'
import type { UploadJob } from './upload.ts'
import { verifyBody } from './verify.ts'

/**
 * Goes on with a token: the body is proved first, then the provider asked.
 * Resolves to the result if the upload is complete already.
 * @param verified Until then the token stays as it was: one made of a wrong body would let that body pass next time.
 */
export async function goOn(
  job: UploadJob,
  transfer: Transfer,
  course: Course,
  token: SessionToken,
  session: Json,
  stop: AbortSignal,
  verified: () => void,
): Promise<ProviderResult | undefined> {
  transfer.desk.enter('verifying')
  if (transfer.grid) await verifyBody(job.source, token, transfer.grid, job.verify, stop)
  verified()
  return course.locate(session, stop, patienceOf(transfer, stop))
}
