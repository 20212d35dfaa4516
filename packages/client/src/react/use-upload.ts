import { useCallback, useRef } from 'react'
import { FilesError } from '../errors.ts'
import type { PickedFile } from './picked-file.ts'
import type { UploadsOptions } from './upload-list.ts'
import { useUploadList } from './use-uploads.ts'
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
  const [list, { uploads, loading }] = useUploadList(options)
  // What another tab left is interrupted, and may come late: it does not take the place of what this one does.
  const current = uploads.findLast(({ status }) => status !== 'interrupted') ?? uploads.at(-1)
  const starting = useRef(false)
  const start = useCallback(
    async (picked: PickedFile) => {
      const refuseSecond = () => {
        if (starting.current || list.snapshot().uploads.some(isUnderWay))
          throw new FilesError('Conflict', 'an upload is on its way: abort it first', undefined, {
            retryable: false,
          })
      }
      refuseSecond()
      // What was interrupted is looked up first: it is given up too.
      await list.listed()
      refuseSecond()
      starting.current = true
      const id = await list.start(picked).finally(() => {
        starting.current = false
      })
      if (id === undefined) return undefined
      for (const upload of list.snapshot().uploads) {
        if (upload.id === id) continue
        if (upload.status === 'interrupted') await upload.abort()
        list.remove(upload.id)
      }
      return id
    },
    [list],
  )
  const reset = useCallback(() => list.remove(...list.snapshot().uploads.map(({ id }) => id)), [list])
  return { ...(current ?? IDLE), loading, start, reset }
}

function isUnderWay({ status }: UploadView): boolean {
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
