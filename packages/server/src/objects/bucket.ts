/** A named set of objects with rules of its own for what may be put into it. */
import type { Principal } from '../access/principal.ts'

export interface BucketRecord {
  readonly id: string
  /** Its objects can be read by whoever knows their URL. */
  readonly public: boolean
  /** Bytes one object may have; undefined: as many as the server allows. */
  readonly fileSizeLimit: number | undefined
  /** Media types such as `image/png` or `image/*`; undefined: any. */
  readonly allowedMimeTypes: readonly string[] | undefined
  readonly owner: Principal
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Milliseconds since 1970. */
  readonly updatedAt: number
}

/** Holds what comes through `/files/`; it is always there. */
export const FILES_BUCKET = 'files'

/** The declared type decides, without its parameters; a list that is not there allows everything. */
export function allowsType(bucket: BucketRecord, contentType: string): boolean {
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
  return (
    bucket.allowedMimeTypes === undefined ||
    bucket.allowedMimeTypes.some((allowed) => {
      const pattern = allowed.toLowerCase()
      if (pattern === '*' || pattern === '*/*') return true
      return pattern.endsWith('/*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern
    })
  )
}
