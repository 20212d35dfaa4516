/** The one way in which a segment's bytes are made durable. */
import type { FileHandle } from 'node:fs/promises'
import { type SegmentId, StoreError } from '../blob-store.ts'
import { errnoOf } from './errno.ts'

/**
 * When it fails, Linux has marked the pages that did not reach the disk as clean: the next `fdatasync` of them
 * succeeds, and says nothing.
 * @throws StoreError `unsynced`
 */
export async function datasync(handle: FileHandle, segment: SegmentId): Promise<void> {
  try {
    await handle.datasync()
  } catch (error) {
    throw new StoreError(
      'unsynced',
      `the disk did not keep bytes of segment ${segment}: ${errnoOf(error) ?? String(error)}`,
      error,
    )
  }
}
