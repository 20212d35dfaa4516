/** The rights to upload media files, as SQL. */
import { MEDIA_BUCKET, type MediaFile, UNSEEN } from '../../media/media-file.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import type { Synchronous } from '../catalog.ts'
import type { MediaRecords } from '../media-records.ts'
import { grantColumns, grantFromRow } from '../media-rows.ts'
import { ownerColumns } from '../rows.ts'
import type { MediaStatements } from './media.ts'

type GrantRecords = Pick<
  Synchronous<MediaRecords>,
  'insertGrant' | 'findGrant' | 'finalizeGrant' | 'forgetGrants'
>

interface Files {
  find(id: string): MediaFile | undefined
  put(file: MediaFile): MediaFile
  /** Uploads to a file's key that have not ended. */
  unfinished(id: string): UploadRecord[]
  /** Removes an object of the bucket, if it is there. */
  removeBytes(key: string, at: number): void
  /** The folder at the end of a path below `folder`, or below the root when that is gone. */
  placeOf(folder: string, path: readonly string[], at: number): string
}

export function grantOperations(
  { run, one, all, findObject }: MediaStatements,
  { find, put, unfinished, removeBytes, placeOf }: Files,
): GrantRecords {
  return {
    insertGrant(grant, most) {
      const { owner_role, owner_sub } = ownerColumns(grant.owner)
      const open = one(
        'SELECT count(*) AS n FROM media_grants WHERE used = 0 AND owner_role = ? AND owner_sub IS ?',
        owner_role,
        owner_sub,
      )
      if (Number(open?.n) >= most) return false
      const columns = grantColumns(grant)
      run(
        `INSERT INTO media_grants (${Object.keys(columns).join(', ')}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
        ...Object.values(columns),
      )
      return true
    },

    findGrant(fingerprint) {
      const row = one('SELECT * FROM media_grants WHERE fingerprint = ?', fingerprint)
      return row && grantFromRow(row)
    },

    finalizeGrant(fingerprint, name, at) {
      const row = one('SELECT * FROM media_grants WHERE fingerprint = ?', fingerprint)
      if (row === undefined) return { kind: 'unknown' }
      const grant = grantFromRow(row)
      if (grant.used) {
        const file = find(grant.file)
        return file === undefined ? { kind: 'unknown' } : { kind: 'again', file }
      }
      const object = findObject(MEDIA_BUCKET, grant.file)
      // An upload that was begun after these bytes came is to take their place.
      const newer = unfinished(grant.file).some(({ createdAt }) => createdAt >= (object?.createdAt ?? 0))
      if (object === undefined || newer) return { kind: 'incomplete' }
      if (object.size === 0 || (grant.size !== undefined && grant.size !== object.size)) {
        return { kind: 'size', actual: object.size, declared: grant.size }
      }
      run('UPDATE media_grants SET used = 1 WHERE fingerprint = ?', fingerprint)
      const { fingerprint: _, kind: __, file: id, path, size: ___, expiresAt: ____, used, ...terms } = grant
      const file = put({
        ...terms,
        id,
        name: name ?? grant.name ?? object.headers.fileName ?? id,
        folder: placeOf(grant.folder, path, at),
        status: 'PENDING',
        deleted: false,
        createdAt: at,
        updatedAt: at,
        version: object.version,
        size: object.size,
        ...UNSEEN,
        sourceUrl: undefined,
        importing: undefined,
      })
      return { kind: 'finalized', file }
    },

    forgetGrants(before, limit, at) {
      const rows = all(
        `SELECT * FROM media_grants AS g WHERE expires_at <= ? AND NOT EXISTS (
           SELECT 1 FROM uploads AS u WHERE u.face = 'media' AND u.key = g.file
             AND (u.state IN ('open', 'finishing') OR (u.state = 'complete' AND u.ended_at > ?)))
         LIMIT ?`,
        before,
        before,
        limit,
      )
      for (const { fingerprint, file, used } of rows) {
        if (used === 0) removeBytes(String(file), at)
        run('DELETE FROM media_grants WHERE fingerprint = ?', String(fingerprint))
      }
      return rows.length
    },
  }
}
