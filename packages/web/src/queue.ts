import { createPace, type Pace } from './pace.ts'
import type { Row, RowState } from './row.ts'
import type { Inspection, Report, Transfer, Uploader } from './uploader.ts'

/**
 * The list of uploads as a state machine: plain TypeScript, no browser. What it needs from outside comes in by
 * interfaces. Rows are immutable values; a change makes a new one, so that the view renders only what changed.
 * It is one closure, and longer than most files here, because every transition shares the same few maps.
 */

export interface Snapshot {
  readonly rows: readonly Row[]
  /** Why a key is asked for, or null when none is. */
  readonly keyWanted: string | null
  /** Something to know about what was just added. */
  readonly notice: string | null
  /** For screen readers: what has just happened. */
  readonly announcement: string
}

export interface Surroundings {
  readonly uploader: Uploader
  readonly remembered: () => readonly { fingerprint: string; name: string; size: number }[]
  readonly fingerprintOf: (file: File) => Promise<string>
  readonly claims: {
    claim(fingerprint: string): Promise<boolean>
    release(fingerprint: string): void
    held(): Promise<ReadonlySet<string>>
  }
  readonly now: () => number
}

export interface Queue {
  subscribe(listener: () => void): () => void
  snapshot(): Snapshot
  add(files: readonly File[]): Promise<void>
  pause(id: number): void
  resume(id: number): void
  cancel(id: number): void
  /** Takes finished rows off the list; nothing is deleted. */
  dismiss(ids: readonly number[]): void
  hurry(id: number): void
  /** A key was entered: whatever waits for one goes on. */
  unlock(): void
  note(notice: string | null): void
  /** Brings the unfinished uploads of earlier visits up to date. */
  refresh(): Promise<void>
}

export const mostActive = 3

/** Progress is shown at most this often, in milliseconds; everything else at once. */
const beat = 150

/** What belongs to a row but is not for show. */
interface Backstage {
  readonly fingerprint: string
  readonly file: File | undefined
  readonly pace: Pace
  transfer: Transfer | undefined
}

export function createQueue({ uploader, remembered, fingerprintOf, claims, now }: Surroundings): Queue {
  const listeners = new Set<() => void>()
  const backstage = new Map<number, Backstage>()
  /** Transfers that are ending, by fingerprint: the next one for the same file begins after them. */
  const ending = new Map<string, Promise<void>>()
  let nextId = 1
  let shown: Snapshot = { rows: [], keyWanted: null, notice: null, announcement: '' }
  let pending: ReturnType<typeof setTimeout> | undefined

  const publish = () => {
    clearTimeout(pending)
    pending = undefined
    for (const listener of listeners) listener()
  }
  const show = (change: Partial<Snapshot>) => {
    shown = { ...shown, ...change }
    publish()
  }
  const find = (id: number) => shown.rows.find((row) => row.id === id)
  const change = (id: number, part: Partial<Row>) => {
    shown = { ...shown, rows: shown.rows.map((row) => (row.id === id ? { ...row, ...part } : row)) }
  }
  const turn = (id: number, state: RowState, part: Partial<Row> = {}) => {
    change(id, { ...part, state, speed: undefined })
    publish()
  }
  const byFingerprint = (fingerprint: string) =>
    shown.rows.find((row) => row.state.kind !== 'done' && backstage.get(row.id)?.fingerprint === fingerprint)

  const insert = (
    fingerprint: string,
    file: File | undefined,
    row: Omit<Row, 'id' | 'speed' | 'sent' | 'accepted'>,
  ) => {
    const id = nextId++
    backstage.set(id, { fingerprint, file, pace: createPace(), transfer: undefined })
    show({ rows: [...shown.rows, { ...row, id, sent: 0, accepted: 0, speed: undefined }] })
    return id
  }
  const remove = (ids: readonly number[]) => {
    for (const id of ids) backstage.delete(id)
    show({ rows: shown.rows.filter((row) => !ids.includes(row.id)) })
  }

  const advance = (id: number, bytes: number, kind: 'sent' | 'accepted') => {
    const row = find(id)
    if (row === undefined) return
    const known = Math.min(bytes, row.size)
    const sent = Math.max(row.sent, known)
    change(id, kind === 'sent' ? { sent } : { sent, accepted: Math.max(row.accepted, known) })
  }

  const hear = (id: number, transfer: Transfer | undefined, report: Report) => {
    const stage = backstage.get(id)
    const row = find(id)
    if (
      stage === undefined ||
      row === undefined ||
      row.state.kind !== 'active' ||
      stage.transfer !== transfer
    )
      return
    switch (report.kind) {
      case 'connecting':
      case 'sending':
      case 'finishing':
      case 'holding':
        return turn(id, { kind: 'active', stage: report })
      case 'accepted':
        stage.pace.reset(report.bytes, now())
        advance(id, report.bytes, 'accepted')
        return publish()
      case 'sent': {
        stage.pace.note(report.bytes, now())
        advance(id, report.bytes, 'sent')
        const { kind } = row.state.stage
        const expected = report.bytes >= row.size ? 'finishing' : 'sending'
        if (kind !== expected) return turn(id, { kind: 'active', stage: { kind: expected } })
        change(id, { speed: stage.pace.speed(now()) })
        pending ??= setTimeout(publish, beat)
        return
      }
      case 'restarted':
        change(id, { sent: 0, accepted: 0 })
        return show({
          notice: `The server no longer had the unfinished part of “${row.name}”, so it begins again.`,
        })
      case 'key':
        turn(id, { kind: 'locked' })
        settle(id)
        return show({ keyWanted: report.words, announcement: report.words })
      case 'failed':
        turn(id, { kind: 'failed', words: report.words })
        settle(id)
        return show({ announcement: `${row.name}: ${report.words}` })
      case 'done':
        turn(id, { kind: 'done', url: report.url }, { sent: row.size, accepted: row.size })
        claims.release(stage.fingerprint)
        settle(id)
        return show({ announcement: `${row.name} is uploaded.` })
    }
  }

  /** The transfer of a row has ended by itself: its place is free. */
  const settle = (id: number) => {
    const stage = backstage.get(id)
    if (stage !== undefined) stage.transfer = undefined
    pump()
  }

  /** Ends the transfer of a row; resolves when nothing is on its way any more. */
  const halt = (stage: Backstage): Promise<void> => {
    const { transfer, fingerprint } = stage
    stage.transfer = undefined
    if (transfer === undefined) return ending.get(fingerprint) ?? Promise.resolve()
    const ended = transfer.stop().finally(() => {
      if (ending.get(fingerprint) === ended) ending.delete(fingerprint)
      pump()
    })
    ending.set(fingerprint, ended)
    return ended
  }

  /** Starts what may start. */
  const pump = () => {
    let active = shown.rows.filter((row) => row.state.kind === 'active').length
    for (const row of shown.rows) {
      if (active >= mostActive) return
      const stage = backstage.get(row.id)
      if (row.state.kind !== 'queued' || stage?.file === undefined || ending.has(stage.fingerprint)) continue
      active += 1
      turn(row.id, { kind: 'active', stage: { kind: 'connecting' } })
      stage.pace.reset(row.sent, now())
      const transfer: Transfer = uploader.start(stage.file, stage.fingerprint, (report) => {
        // A transfer may speak before it is returned.
        queueMicrotask(() => hear(row.id, transfer, report))
      })
      stage.transfer = transfer
    }
  }

  const take = (inspection: Inspection, id: number) => {
    const row = find(id)
    const stage = backstage.get(id)
    if (row === undefined || stage === undefined) return
    if (row.state.kind !== 'paused' && row.state.kind !== 'waiting') return
    switch (inspection.kind) {
      case 'holds':
        change(id, { accepted: inspection.bytes, sent: Math.max(row.sent, inspection.bytes) })
        return publish()
      case 'complete':
        claims.release(stage.fingerprint)
        turn(id, { kind: 'done', url: inspection.url }, { sent: row.size, accepted: row.size })
        return
      case 'gone':
        if (row.state.kind === 'paused') return turn(id, { kind: 'paused' }, { sent: 0, accepted: 0 })
        remove([id])
        return show({ notice: `The server no longer has the unfinished part of “${row.name}”.` })
      case 'key':
        return show({ keyWanted: inspection.words })
      case 'unknown':
        return
    }
  }
  const inspect = async (id: number) => {
    const stage = backstage.get(id)
    if (stage !== undefined) take(await uploader.inspect(stage.fingerprint), id)
  }

  const giveFile = (id: number, file: File) => {
    const stage = backstage.get(id)
    if (stage !== undefined) backstage.set(id, { ...stage, file })
  }
  const addOne = async (file: File): Promise<string | undefined> => {
    let fingerprint: string
    try {
      fingerprint = await fingerprintOf(file)
    } catch {
      return `“${file.name}” cannot be read. If it is a folder, drop the files inside it.`
    }
    const known = byFingerprint(fingerprint)
    if (known !== undefined && known.state.kind !== 'waiting') {
      if (known.state.kind !== 'paused' && known.state.kind !== 'failed')
        return `“${file.name}” is on the list already.`
      giveFile(known.id, file)
      queue.resume(known.id)
      return undefined
    }
    if (!(await claims.claim(fingerprint))) return `“${file.name}” is being uploaded in another tab.`
    const waiting = byFingerprint(fingerprint)
    if (waiting !== undefined) {
      // The same file again: it takes its old place on the list.
      giveFile(waiting.id, file)
      turn(waiting.id, { kind: 'queued' })
      return undefined
    }
    const namesake = shown.rows.some((row) => row.state.kind === 'waiting' && row.name === file.name)
    insert(fingerprint, file, { name: file.name, size: file.size, state: { kind: 'queued' } })
    return namesake
      ? `This “${file.name}” is not the file whose upload is unfinished, so it was added as a new upload.`
      : undefined
  }

  const queue: Queue = {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    snapshot: () => shown,
    async add(files) {
      const notices: string[] = []
      for (const file of files) {
        const notice = await addOne(file)
        if (notice !== undefined) notices.push(notice)
        pump()
      }
      const more = notices.length - 3
      if (more > 0) notices.splice(3, more, `And ${more} more like this.`)
      show({ notice: notices.length === 0 ? null : notices.join(' ') })
    },
    pause(id) {
      const stage = backstage.get(id)
      const state = find(id)?.state
      if (stage === undefined || (state?.kind !== 'active' && state?.kind !== 'queued')) return
      turn(id, { kind: 'paused' })
      void halt(stage).then(() => inspect(id))
      pump()
    },
    resume(id) {
      const state = find(id)?.state
      if (state?.kind !== 'paused' && state?.kind !== 'failed') return
      turn(id, { kind: 'queued' })
      pump()
    },
    cancel(id) {
      const stage = backstage.get(id)
      if (stage === undefined) return
      remove([id])
      const { fingerprint } = stage
      // The next upload of the same file waits until this one's address is put aside.
      const ended = halt(stage).then(() => {
        uploader.discard(fingerprint)
        claims.release(fingerprint)
      })
      const settled = ended.finally(() => {
        if (ending.get(fingerprint) === settled) ending.delete(fingerprint)
        pump()
      })
      ending.set(fingerprint, settled)
      pump()
    },
    dismiss(ids) {
      remove(ids.filter((id) => find(id)?.state.kind === 'done'))
    },
    hurry: (id) => backstage.get(id)?.transfer?.hurry(),
    unlock() {
      for (const row of shown.rows) if (row.state.kind === 'locked') turn(row.id, { kind: 'queued' })
      show({ keyWanted: null })
      pump()
      void queue.refresh()
    },
    note: (notice) => show({ notice }),
    async refresh() {
      const held = await claims.held()
      const entries = remembered().filter(({ fingerprint }) => !held.has(fingerprint))
      const still = new Set(entries.map(({ fingerprint }) => fingerprint))
      const stale = shown.rows.filter(
        (row) => row.state.kind === 'waiting' && !still.has(backstage.get(row.id)?.fingerprint ?? ''),
      )
      if (stale.length > 0) remove(stale.map(({ id }) => id))
      for (const { fingerprint, name, size } of entries) {
        const known = byFingerprint(fingerprint)
        if (known === undefined) insert(fingerprint, undefined, { name, size, state: { kind: 'waiting' } })
      }
      for (const row of shown.rows) if (row.state.kind === 'waiting') await inspect(row.id)
    },
  }
  return queue
}
