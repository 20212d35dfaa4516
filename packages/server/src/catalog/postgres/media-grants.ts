/** The rights to upload media files, as SQL. */
import { MEDIA_BUCKET, type MediaFile, UNSEEN } from '../../media/media-file.ts'
import type { UploadRecord } from '../../uploads/upload.ts'
import { integer, text } from '../columns.ts'
import type { MediaRecords } from '../media-records.ts'
import { grantColumns, grantFromRow } from '../media-rows.ts'
import { ownerColumns } from '../rows.ts'
import { insertOf } from './insert.ts'
import { bytesOf, type MediaParts } from './media.ts'

type GrantRecords = Pick<MediaRecords, 'insertGrant' | 'findGrant' | 'finalizeGrant' | 'forgetGrants'>

interface Files {
  find(id: string): Promise<MediaFile | undefined>
  put(file: MediaFile): Promise<MediaFile>
  /** Uploads to a file's key that have not ended. */
  unfinished(id: string): Promise<UploadRecord[]>
  /** Removes an object of the bucket, if it is there. */
  removeBytes(key: string, at: number): Promise<void>
  /** The folder at the end of a path below `folder`, or below the root when that is gone. */
  placeOf(folder: string, path: readonly string[], at: number): Promise<string>
}

export function grantOperations(
  { run, one, all, lock, findObject }: MediaParts,
  { find, put, unfinished, removeBytes, placeOf }: Files,
): GrantRecords {
  return {
    async insertGrant(grant, most) {
      const { owner_role, owner_sub } = ownerColumns(grant.owner)
      // Two must not both find room for the last one.
      await lock(`grants ${owner_role}:${owner_sub ?? ''}`)
      const open = await one(
        `SELECT count(*) AS n FROM media_grants
         WHERE used = 0 AND owner_role = $1 AND owner_sub IS NOT DISTINCT FROM $2`,
        owner_role,
        owner_sub,
      )
      if (Number(open?.n) >= most) return false
      await run(...insertOf('media_grants', grantColumns(grant)))
      return true
    },

    async findGrant(fingerprint) {
      const row = await one('SELECT * FROM media_grants WHERE fingerprint = $1', fingerprint)
      return row && grantFromRow(row)
    },

    async finalizeGrant(fingerprint, name, at) {
      const row = await one('SELECT * FROM media_grants WHERE fingerprint = $1 FOR UPDATE', fingerprint)
      if (row === undefined) return { kind: 'unknown' }
      const grant = grantFromRow(row)
      if (grant.used) {
        const file = await find(grant.file)
        return file === undefined ? { kind: 'unknown' } : { kind: 'again', file }
      }
      await lock(bytesOf(grant.file))
      const object = await findObject(MEDIA_BUCKET, grant.file)
      // An upload that was begun after these bytes came is to take their place.
      const under = await unfinished(grant.file)
      const newer = under.some(({ createdAt }) => createdAt >= (object?.createdAt ?? 0))
      if (object === undefined || newer) return { kind: 'incomplete' }
      if (object.size === 0 || (grant.size !== undefined && grant.size !== object.size)) {
        return { kind: 'size', actual: object.size, declared: grant.size }
      }
      await run('UPDATE media_grants SET used = 1 WHERE fingerprint = $1', fingerprint)
      const { fingerprint: _, kind: __, file: id, path, size: ___, expiresAt: ____, used, ...terms } = grant
      const file = await put({
        ...terms,
        id,
        name: name ?? grant.name ?? object.headers.fileName ?? id,
        folder: await placeOf(grant.folder, path, at),
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

    async forgetGrants(before, limit, at) {
      const rows = await all(
        `SELECT * FROM media_grants AS g WHERE expires_at <= $1 AND NOT EXISTS (
           SELECT 1 FROM uploads AS u WHERE u.face = 'media' AND u.key = g.file
             AND (u.state IN ('open', 'finishing') OR (u.state = 'complete' AND u.ended_at > $1)))
         LIMIT $2 FOR UPDATE SKIP LOCKED`,
        before,
        limit,
      )
      for (const row of rows) {
        if (integer(row, 'used') === 0) await removeBytes(text(row, 'file'), at)
        await run('DELETE FROM media_grants WHERE fingerprint = $1', text(row, 'fingerprint'))
      }
      return rows.length
    },
  }
}
