/** One record on its way: its session is found, followed and cleared, and its outcome told once. */
import mime from 'mime'
import {
  type Adapter,
  Files,
  FilesError,
  type SessionStore,
  UploadControl,
  type UploadResult,
  type Verify,
} from 'pawl'
import { fromPath } from 'pawl/node'
import { urlOf } from '../destination.ts'
import type { Reporter, Row } from '../report/reporter.ts'
import type { Records, SessionRecord } from '../sessions/records.ts'
import type { SharedRate } from './rate.ts'
import { rowOf } from './row.ts'

export interface OneOptions {
  readonly adapter: Adapter
  readonly records: Records
  readonly reporter: Reporter
  readonly rate: SharedRate
  readonly signal: AbortSignal
  readonly partSize: number | undefined
  /** Requests side by side. */
  readonly concurrency: number
  readonly verify: Verify | undefined
  /** Begin again when the provider no longer has the session. */
  readonly beginAnew: boolean
}

export type Outcome = 'done' | 'failed' | 'resumable' | 'paused'

/** Never throws: the outcome was told to the reporter. */
export async function transferOne(record: SessionRecord, options: OneOptions): Promise<Outcome> {
  const outcome = await attemptOne(record, options)
  if (outcome !== 'gone') return outcome
  const { token: _, ...fresh } = record
  options.reporter.note(`${record.key}: the earlier session is gone, beginning anew`)
  const second = await attemptOne({ ...fresh, loaded: 0 }, options)
  return second === 'gone' ? 'failed' : second
}

async function attemptOne(record: SessionRecord, options: OneOptions): Promise<Outcome | 'gone'> {
  const { records, reporter, rate, signal, beginAnew } = options
  let control = new UploadControl()
  let row = rowOf(record, control)
  try {
    if (record.token !== undefined) control = UploadControl.from(record.token)
    row = rowOf(record, control)
    reporter.begin(row)
    control.addEventListener('progress', () => reporter.progress(row))
    rate.join(control)
    const result = await send(record, control, row, options)
    await records.delete(record.id)
    reporter.done(row, result, result.url ?? urlOf({ place: record.place, key: result.key }))
    return 'done'
  } catch (thrown) {
    const error = explained(FilesError.wrap(thrown), record)
    if (signal.aborted && error.aborted) {
      reporter.paused(row)
      return 'paused'
    }
    if (error.code === 'SessionGone' && record.token !== undefined && beginAnew) return 'gone'
    const resumable = control.toJSON() !== undefined && error.code !== 'SessionGone'
    // Nothing is lost with a record that has no session: the same command begins again.
    if (!resumable) await records.delete(record.id)
    reporter.failed(row, error, resumable)
    return resumable ? 'resumable' : 'failed'
  } finally {
    rate.leave(control)
  }
}

/** A file that is gone: whoever goes on without it is told the same again. */
function explained(error: FilesError, { id, file, token }: SessionRecord): FilesError {
  const { cause } = error
  if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) return error
  const choice =
    token === undefined ? '' : `: put it back to go on, or give the upload up with pawl abort ${id}`
  return new FilesError('NotFound', `${file} is not there any more${choice}`, error)
}

function send(
  record: SessionRecord,
  control: UploadControl,
  row: Row,
  options: OneOptions,
): Promise<UploadResult> {
  const { adapter, records, reporter, signal, partSize, concurrency, verify } = options
  const files = new Files({ adapter, hooks: { onRetry: (retry) => reporter.retry(row, retry) } })
  const contentType = mime.getType(record.file)
  return files.upload(record.key, fromPath(record.file), {
    control,
    signal,
    resume: storeOf(record, control, records),
    multipart: { concurrency, ...(partSize === undefined ? {} : { partSize }) },
    ...(verify === undefined ? {} : { verify }),
    // A session keeps the type that it began with.
    ...(contentType === null || record.token !== undefined ? {} : { contentType }),
  })
}

/** The library's names for sessions are not used: a record is found by its own. */
function storeOf(record: SessionRecord, control: UploadControl, records: Records): SessionStore {
  return {
    get: async () => record.token,
    set: (_, token) =>
      records.put({ ...record, loaded: Math.max(record.loaded, control.loaded), token }, true),
    delete: () => records.delete(record.id),
    list: async () => [],
  }
}
