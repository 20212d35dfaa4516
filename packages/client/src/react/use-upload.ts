import { useCallback, useEffect, useRef } from 'react'
import { FilesError } from '../errors.ts'
import type { PickedFile } from './picked-file.ts'
import type { UploadsOptions } from './upload-list.ts'
import { useUploads } from './use-uploads.ts'
import type { UploadStatus, UploadView } from './view.ts'

/** An upload, or none yet: `idle`. */
export interface Upload extends Omit<UploadView, 'id' | 'key' | 'status'> {
  readonly id: string | undefined
  readonly key: string | undefined
  readonly status: UploadStatus | 'idle'
  /** What was interrupted before is still being looked up. */
  readonly loading: boolean
  /**
   * Begins an upload. An interrupted one is given up for it.
   * @throws FilesError `Conflict` while one is on its way
   */
  start(picked: PickedFile): Promise<string | undefined>
  /** Back to `idle` when it is finished. */
  reset(): void
}

/**
 * One upload at a time.
 *
 * @example
 * const upload = useUpload({ files })
 * <button onClick={upload.pause}>{upload.loaded} of {upload.total}</button>
 */
export function useUpload(options: UploadsOptions): Upload {
  const { uploads, loading, start: begin, remove } = useUploads(options)
  const current = uploads.at(-1)
  const latest = useRef(uploads)
  useEffect(() => {
    latest.current = uploads
  })
  const start = useCallback(
    async (picked: PickedFile) => {
      const before = latest.current
      if (before.some(({ status }) => isUnderWay(status))) {
        throw new FilesError('Conflict', 'an upload is on its way: abort it first', undefined, {
          retryable: false,
        })
      }
      const id = await begin(picked)
      for (const upload of before) {
        if (upload.status === 'interrupted') await upload.abort()
        remove(upload.id)
      }
      return id
    },
    [begin, remove],
  )
  const reset = useCallback(() => {
    for (const { id } of latest.current) remove(id)
  }, [remove])
  return { ...(current ?? IDLE), loading, start, reset }
}

function isUnderWay(status: UploadStatus): boolean {
  return status === 'queued' || status === 'uploading' || status === 'paused'
}

const IDLE = {
  id: undefined,
  key: undefined,
  name: '',
  status: 'idle',
  phase: undefined,
  loaded: 0,
  sent: 0,
  total: 0,
  speed: 0,
  eta: undefined,
  error: undefined,
  result: undefined,
  file: undefined,
  needs: 'nothing',
  waiting: undefined,
  hurry: () => {},
  pause: () => {},
  resume: () => {},
  abort: async () => {},
} as const
