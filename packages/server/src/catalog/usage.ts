import type { Principal } from '../access/principal.ts'
import type { ObjectRecord } from '../objects/object.ts'
import { ownerColumns } from './rows.ts'

/**
 * How much an owner and a bucket may hold. What counts is an object's size, and of an upload that has not
 * ended its length or, while that is not known, what was set aside for it or is durable of it, whichever is
 * more. A partial upload counts until a final upload is made of it, which then counts instead.
 */
export interface Allowance {
  /** Bytes one owner may hold over all buckets; undefined is no limit. */
  readonly ownerBytes?: number | undefined
  /** Bytes one bucket may hold over all owners; undefined is no limit. */
  readonly bucketBytes?: number | undefined
  /** Uploads one owner may have open at a time; undefined is no limit. */
  readonly ownerOpen?: number | undefined
}

/** Which part of an allowance a request would go past. */
export interface Exceeded {
  readonly what: keyof Allowance
  /** What is allowed, in bytes or uploads. */
  readonly limit: number
}

/** Bytes that an owner holds no more when an object is replaced: those of another were never theirs. */
export function freedFor(owner: Principal, replaced: ObjectRecord | undefined): number {
  if (replaced === undefined) return 0
  const [one, other] = [ownerColumns(owner), ownerColumns(replaced.owner)]
  return one.owner_role === other.owner_role && one.owner_sub === other.owner_sub ? replaced.size : 0
}
