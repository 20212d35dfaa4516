import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { PickedFile } from './picked-file.ts'
import { type UploadsOptions, type UploadsState, uploadList } from './upload-list.ts'

export interface Uploads extends UploadsState {
  /** Begins an upload, from a `File` or, better, a handle: only that can be kept over a reload. */
  start(picked: PickedFile): Promise<string | undefined>
  /** Takes a finished one off the list. */
  remove(id: string): void
}

/**
 * Uploads of a component, several at a time. When it goes away they are cut and their sessions kept; a later
 * one with the same `store` finds them as `interrupted`.
 *
 * @example
 * const { uploads, start } = useUploads({ files })
 */
export function useUploads(options: UploadsOptions): Uploads {
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const [list] = useState(() => uploadList(() => latest.current))
  useEffect(() => list.attach(), [list])
  const state = useSyncExternalStore(list.subscribe, list.snapshot, list.snapshot)
  return { ...state, start: list.start, remove: list.remove }
}
