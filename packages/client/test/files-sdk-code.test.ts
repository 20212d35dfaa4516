/** Code as it is written for files-sdk 2.6: only the import differs. It was compiled against both. */
import { expect, it } from 'vitest'
import { memory } from '../src/adapters/memory/memory.ts'
import {
  type DeleteManyResult,
  type FileHandle,
  Files,
  FilesError,
  type FilesErrorCode,
  type FilesHooks,
  type ListResult,
  type StoredFile,
  UploadControl,
  type UploadManyResult,
  type UploadOptions,
  type UploadProgress,
  type UploadResult,
} from '../src/index.ts'

it('code written for files-sdk compiles and runs', async () => {
  const seen: number[] = []
  const hooks: FilesHooks = {
    onAction: ({ durationMs }) => seen.push(durationMs),
    onRetry: ({ delayMs, maxRetries }) => seen.push(delayMs, maxRetries),
    onError: ({ error }) => seen.push(error.message.length),
  }
  const files = new Files({ adapter: memory(), prefix: 'p', hooks, timeout: 5000, retries: 2 })
  const control = new UploadControl()
  const options: UploadOptions = {
    control,
    contentType: 'text/plain',
    metadata: { a: 'b' },
    multipart: { partSize: 5, concurrency: 3 },
    onProgress: (progress: UploadProgress) => seen.push(progress.loaded, progress.total ?? 0),
    signal: AbortSignal.timeout(5000),
    retries: { max: 3, backoff: ({ attempt, error }) => attempt * (error.aborted ? 1 : 2) },
  }
  const result: UploadResult = await files.upload('a', new Blob(['content']), options)
  expect(result).toMatchObject({ key: 'a', size: 7, contentType: 'text/plain' })
  const many: UploadManyResult = await files.upload([{ key: 'b', body: 'x' }], {
    concurrency: 3,
    stopOnError: true,
  })
  expect(many.errors).toBeUndefined()
  const file: StoredFile = await files.download('a', { range: { start: 0, end: 3 }, as: 'stream' })
  expect(await file.text()).toBe('cont')
  const page: ListResult = await files.list({ prefix: 'a', limit: 5 })
  expect(page.items.map(({ key }) => key)).toEqual(['a'])
  const handle: FileHandle = files.file('a')
  await handle.copyTo('c')
  await handle.moveTo('d')
  const gone: DeleteManyResult = await files.delete(['c', 'd'])
  expect(gone.deleted).toEqual(['c', 'd'])
  try {
    await files.readonly().delete('b')
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
    const code: FilesErrorCode = error.code
    expect([code, error.aborted, error.timedOut, error.permanent]).toEqual(['ReadOnly', false, false, true])
  }
  expect(control.status).toBe('completed')
  expect(files.capabilities).toMatchObject({
    rangeRead: true,
    multipart: true,
    signedUrl: { supported: false },
  })
})
