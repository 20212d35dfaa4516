/** Changes to objects that move no byte: their segments are counted by reference. */
import type { ObjectRecord } from '../objects/object.ts'
import type { Verdict } from '../uploads/judge.ts'
import type { Allowance, Exceeded } from './usage.ts'

/** An object as it was found: under another name it may belong to those who could not be asked here. */
export type FoundObject = Pick<ObjectRecord, 'version' | 'bucket' | 'key'>

export interface ObjectChanges {
  /**
   * Removes objects that are as they were found: one that was replaced or moved meanwhile stays. Resolves to the
   * versions that are gone by this call.
   */
  removeObjects(objects: readonly FoundObject[], at: number): Promise<string[]>
  /** Removes at most `limit` objects of a bucket; resolves to how many. */
  removeSome(bucket: string, limit: number, at: number): Promise<number>
  /** Adds `copy`, which shares the segments of the object that has the version `source`. */
  copyObject(source: string, copy: ObjectRecord, may: Verdict, allowance?: Allowance): Promise<CopyResult>
  /** Gives an object another name, where none has it. */
  moveObject(
    object: FoundObject,
    to: { readonly bucket: string; readonly key: string },
    at: number,
    allowance?: Allowance,
  ): Promise<MoveResult>
}

export type CopyResult =
  /** As it is now: it keeps the id of the object that it replaced. */
  { readonly kind: 'copied'; readonly object: ObjectRecord } | NotChanged

export type MoveResult = { readonly kind: 'moved' } | NotChanged

type NotChanged =
  /** The key is taken. */
  | { readonly kind: 'conflict' }
  /** The source was replaced, removed or moved meanwhile. */
  | { readonly kind: 'gone' }
  /** There is no such bucket. */
  | { readonly kind: 'no-bucket' }
  /** The allowance does not cover it. */
  | { readonly kind: 'exceeded'; readonly exceeded: Exceeded }
