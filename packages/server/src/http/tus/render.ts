/** Headers that several tus answers share. */
import type { OutgoingHttpHeaders } from 'node:http'
import { formatHttpDate } from '@pawl/protocol'
import type { Answer, UploadRecord } from '../../uploads/upload.ts'

export function expiresHeader(expiresAt: number): OutgoingHttpHeaders {
  return { 'Upload-Expires': formatHttpDate(new Date(expiresAt)) }
}

/** What the final answer says of the object, now and at every repeat. */
export function objectHeaders(upload: UploadRecord, answer: Answer): OutgoingHttpHeaders {
  return {
    ETag: `"${answer.version}"`,
    'Pawl-Object-Id': upload.key,
    'Pawl-Object-Version': answer.version,
  }
}
