/** Records for tests: whole, and told apart by what a test says of them. */
import { ANON } from '../access/principal.ts'
import { newSegmentId } from '../blobs/blob-store.ts'
import { newObjectId, newVersion, type ObjectRecord } from '../objects/object.ts'
import { newUploadId, type UploadRecord } from '../uploads/upload.ts'

export function sampleUpload(given: Partial<UploadRecord> = {}): UploadRecord {
  const id = given.id ?? newUploadId()
  return {
    id,
    face: 'files',
    owner: ANON,
    bucket: 'files',
    key: id,
    precondition: 'absent',
    length: 100,
    metadata: 'filename d29ybGQ=',
    headers: { contentType: 'text/plain', fileName: 'wörld 😀.txt' },
    segment: newSegmentId(),
    concat: { kind: 'whole' },
    digests: { wanted: [], demanded: {} },
    rollback: undefined,
    durable: 0,
    createdAt: 1000,
    expiresAt: 2000,
    state: { kind: 'open' },
    ...given,
  }
}

/** The object that `upload` becomes. */
export function sampleObject(upload: UploadRecord, given: Partial<ObjectRecord> = {}): ObjectRecord {
  return {
    id: newObjectId(),
    bucket: upload.bucket,
    key: upload.key,
    version: newVersion(),
    size: upload.length ?? 0,
    headers: upload.headers,
    owner: upload.owner,
    createdAt: 3000,
    since: 3000,
    wanted: ['sha-256'],
    digests: {},
    segments: [{ segment: upload.segment, length: upload.length ?? 0 }],
    ...given,
  }
}
