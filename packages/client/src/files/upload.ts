/** From `files.upload(key, body, options)` to a job of the engine. */
import type { Adapter } from '../adapter.ts'
import { deskOf, UploadControl } from '../control.ts'
import type { UploadIntent } from '../driver.ts'
import { abortedError, FilesError } from '../errors.ts'
import { numeric } from '../numeric.ts'
import type { MultipartOptions, UploadOptions, UploadResult } from '../options.ts'
import { retryPolicy } from '../transfer/retry.ts'
import { type Body, openSource, type Source } from '../transfer/source.ts'
import { runUpload } from '../transfer/upload.ts'
import { need } from './capabilities.ts'
import { type FilesContext, full } from './context.ts'
import { tell } from './hooks.ts'
import { signalsOf, written } from './observed.ts'

const CONCURRENCY = 4
const RETRIES = 8
const IDLE_TIMEOUT = 60_000

/** Uploads one body, watched by the hooks. */
export function uploading(
  files: FilesContext,
  key: string,
  body: Body,
  options: UploadOptions,
): Promise<UploadResult> {
  return written(files, { type: 'upload', key }, () => uploadOne(files, key, body, options))
}

/** Uploads one body. */
export async function uploadOne(
  files: FilesContext,
  key: string,
  body: Body,
  options: UploadOptions,
): Promise<UploadResult> {
  const { adapter, defaults, hooks } = files
  const fullKey = full(files, key)
  adapter.checkUpload?.(options)
  checkSupported(adapter, options)
  const { control = new UploadControl() } = options
  const desk = deskOf(control)
  desk.claim()
  let source: Source | undefined
  try {
    // Of `true` and `false` as objects, which have no sizes.
    const { partSize, concurrency = CONCURRENCY }: MultipartOptions = Object(options.multipart)
    numeric('partSize', partSize)
    numeric('concurrency', concurrency)
    const policy = retryPolicy(options.retries ?? defaults.retries, RETRIES)
    control.maxBytesPerSecond ??= options.maxBytesPerSecond
    source = await openSource(body)
    const intent = intentOf(fullKey, source, options, control)
    const kept =
      options.resume && (await import('./resume.ts')).keptSession(adapter, intent, source, options.resume)
    desk.token ??= await kept?.find()
    const keeping = kept?.follow(control)
    try {
      const result = await runUpload({
        driver: adapter.driver(intent),
        provider: adapter.name,
        place: adapter.place,
        intent,
        source,
        control,
        partSize,
        concurrency: Math.max(1, concurrency),
        verify: options.verify ?? 'sampled',
        policy,
        idleTimeout: options.timeout ?? defaults.timeout ?? IDLE_TIMEOUT,
        signals: signalsOf(options, defaults),
        resumable: options.control !== undefined || kept !== undefined,
        onProgress: options.onProgress,
        onRetry: (retry) => tell(hooks.onRetry, { type: 'upload', key, ...retry }),
        persist: keeping && (() => keeping.save()),
      })
      await keeping?.end(undefined)
      return { key, size: intent.size, contentType: intent.contentType, ...result }
    } catch (error) {
      await keeping?.end(FilesError.wrap(error))
      throw error
    }
  } catch (thrown) {
    // What failed before the engine ran must end the control too, and `abort()` must not wait for ever.
    const aborted = desk.aborted.aborted
    desk.finish(aborted ? 'aborted' : 'error')
    throw aborted ? abortedError('the upload', desk.aborted.reason) : FilesError.wrap(thrown)
  } finally {
    await source?.close?.()
  }
}

function intentOf(
  key: string,
  source: Source,
  { contentType, cacheControl, metadata, condition }: UploadOptions,
  control: UploadControl,
): UploadIntent {
  return {
    key,
    size: source.size,
    // A resumed upload keeps the type its session began with.
    contentType: contentType ?? control.session?.contentType ?? source.type ?? 'application/octet-stream',
    cacheControl,
    metadata: metadata ?? {},
    condition,
  }
}

function checkSupported({ name, traits }: Adapter, options: UploadOptions): void {
  const { condition, cacheControl, metadata = {} } = options
  need(name, 'cacheControl', cacheControl === undefined || traits.cacheControl === true)
  need(name, 'metadata', Object.keys(metadata).length === 0 || traits.metadata === true)
  need(
    name,
    `condition ${condition?.type}`,
    !condition || traits.conditions?.includes(condition.type) === true,
  )
}
