/** Several records at a time, under one limit, until all are done or somebody interrupts. */
import { type Adapter, FilesError, UploadControl, type Verify } from 'pawl'
import { openPlace } from '../destination.ts'
import { EXIT } from '../exit.ts'
import { chooseReporter } from '../report/choose.ts'
import type { Lock } from '../sessions/locks.ts'
import type { Records, SessionRecord } from '../sessions/records.ts'
import { onInterrupt } from './interrupt.ts'
import { type Outcome, transferOne } from './one.ts'
import { sharedRate } from './rate.ts'
import { rowOf } from './row.ts'

export interface TransferOptions {
  readonly json: boolean
  /** Requests side by side over all files; undefined is the default. */
  readonly concurrency: number | undefined
  /** Bytes a second over all files. */
  readonly limitRate: number | undefined
  readonly partSize: number | undefined
  readonly verify: Verify | undefined
  /** Begin what has no record yet, and begin again what the provider no longer has. */
  readonly beginAnew: boolean
  /** For people, before anything else. */
  readonly notes?: readonly string[]
  /** What could not even be looked at, and why: each counts as failed. */
  readonly unread?: readonly string[]
}

const CONCURRENCY = 4

/** @returns the exit code */
export async function transferAll(
  all: readonly SessionRecord[],
  records: Records,
  options: TransferOptions,
): Promise<number> {
  const {
    json,
    concurrency = CONCURRENCY,
    limitRate,
    partSize,
    verify,
    beginAnew,
    notes = [],
    unread = [],
  } = options
  const interrupt = onInterrupt()
  const bytes = all.reduce((sum, { size }) => sum + size, 0)
  const reporter = chooseReporter(json, all.length, bytes)
  for (const note of [...notes, ...unread]) reporter.note(note)
  const rate = sharedRate(limitRate)
  const outcomes: { id: string; outcome: Outcome }[] = []
  const side = Math.max(1, Math.min(concurrency, all.length))
  const perFile = Math.max(1, Math.floor(concurrency / side))
  // tus has parts side by side only by joining uploads, which not every server does well: on request only.
  const parallel = options.concurrency === undefined ? 1 : perFile
  const adapters = new Map<string, Promise<Adapter>>()
  const adapterOf = (place: string) => {
    const adapter = adapters.get(place) ?? openPlace(place, { parallel })
    adapters.set(place, adapter)
    return adapter
  }

  const run = async (record: SessionRecord): Promise<Outcome> => {
    let adapter: Adapter
    try {
      adapter = await adapterOf(record.place)
    } catch (error) {
      reporter.failed(rowOf(record, new UploadControl()), FilesError.wrap(error), record.token !== undefined)
      return record.token === undefined ? 'failed' : 'resumable'
    }
    const { signal } = interrupt
    const shared = { records, reporter, rate, signal, partSize, verify, beginAnew }
    return transferOne(record, { ...shared, adapter, concurrency: perFile })
  }

  // All of them at once, so that no other process takes those that have to wait.
  const { free, taken } = await lockAll(all, records, beginAnew)
  for (const { record, pid } of taken) {
    const error = new FilesError('Conflict', `process ${pid} is sending it already`)
    reporter.failed(rowOf(record, new UploadControl()), error, false)
    outcomes.push({ id: record.id, outcome: 'failed' })
  }
  const waiting = [...free]
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { record, lock } = next
      const outcome = interrupt.signal.aborted ? 'paused' : await run(record)
      outcomes.push({ id: record.id, outcome })
      lock.release()
    }
  }
  await Promise.all(Array.from({ length: side }, work))
  interrupt.stop()

  const count = (...kinds: Outcome[]) => outcomes.filter(({ outcome }) => kinds.includes(outcome)).length
  const resumable = outcomes.filter(({ outcome }) => outcome === 'paused' || outcome === 'resumable')
  const interrupted = count('paused') > 0
  const failed = count('failed', 'resumable') + unread.length
  reporter.end({ done: count('done'), failed, resumable: resumable.map(({ id }) => id), interrupted })
  if (interrupted) return EXIT.interrupted
  return failed > 0 ? EXIT.failed : EXIT.done
}

async function lockAll(all: readonly SessionRecord[], records: Records, begin: boolean) {
  const free: { record: SessionRecord; lock: Lock }[] = []
  const taken: { record: SessionRecord; pid: number }[] = []
  for (const record of all) {
    const lock = await records.lock(record.id)
    if (typeof lock === 'number') {
      taken.push({ record, pid: lock })
      continue
    }
    // Read again under the lock: whoever had it may have sent more since, or all.
    const kept = await records.get(record.id)
    if (kept === undefined && !begin) {
      lock.release()
      continue
    }
    if (kept === undefined) await records.put(record, false)
    free.push({ record: kept ?? record, lock })
  }
  return { free, taken }
}
