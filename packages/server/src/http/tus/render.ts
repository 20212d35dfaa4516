/** Headers that several tus answers share. */
import type { OutgoingHttpHeaders } from 'node:http'
import { formatHttpDate } from '@pawl/protocol'
import type { ObjectRecord } from '../../objects/object.ts'
import type { Finished } from '../../uploads/finish.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import { reprDigest } from '../repr-digest.ts'
import type { TusFace } from './face.ts'

export function expiresHeader(expiresAt: number): OutgoingHttpHeaders {
  return { 'Upload-Expires': formatHttpDate(new Date(expiresAt)) }
}

/** What the last answer says of what became of the upload, now and at every repeat. */
export async function outcomeHeaders(
  face: TusFace,
  upload: UploadRecord,
  finished: Finished,
): Promise<OutgoingHttpHeaders> {
  if (finished.kind === 'sealed') return expiresHeader(upload.expiresAt)
  const { version } = finished.answer
  const digests = finished.digests ?? digestsOf(await face.objects.find(upload.bucket, upload.key), version)
  return {
    'Tus-Complete': '1',
    ETag: `"${version}"`,
    'Pawl-Object-Id': face.objectId(upload, finished.answer),
    'Pawl-Object-Version': version,
    ...reprDigest(digests),
  }
}

/** The object under this key may be another one by now. */
function digestsOf(object: ObjectRecord | undefined, version: string): ObjectRecord['digests'] {
  return object?.version === version ? object.digests : {}
}
