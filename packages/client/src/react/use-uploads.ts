import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { PickedFile } from './picked-file.ts'
import {
  type Added,
  type AddedFile,
  type UploadList,
  type UploadsOptions,
  type UploadsState,
  uploadList,
} from './upload-list.ts'

export interface Uploads extends UploadsState {
  /** Begins an upload, from a `File` or, better, a handle: only that can be kept over a reload. */
  start(picked: PickedFile): Promise<string | undefined>
  /**
   * Adds many at once, each on its own. A file that an interrupted upload of the list waits for (the same key,
   * size and time of change) goes on with that one.
   */
  add(files: readonly AddedFile[]): Promise<Added>
  /** Takes finished ones off the list. */
  remove(...ids: string[]): void
}

/**
 * Uploads of a component, several at a time. When it goes away they are cut and their sessions kept; a later
 * one with the same `store` finds them as `interrupted`.
 *
 * @example
 * const { uploads, start } = useUploads({ files })
 */
export function useUploads(options: UploadsOptions): Uploads {
  const [list, state] = useUploadList(options)
  return { ...state, start: list.start, add: list.add, remove: list.remove }
}

/** The list of a component, attached to it, and what it shows now. */
export function useUploadList(options: UploadsOptions): readonly [UploadList, UploadsState] {
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const [list] = useState(() => uploadList(() => latest.current))
  useEffect(() => list.attach(), [list])
  const { concurrency, maxBytesPerSecond } = options
  // biome-ignore lint/correctness/useExhaustiveDependencies: they are what the list asks for
  useEffect(() => list.applied(), [list, concurrency, maxBytesPerSecond])
  return [list, useSyncExternalStore(list.subscribe, list.snapshot, list.snapshot)]
}
