/**
 * One upload of a list, from the click to its outcome, over as many runs as it takes. A little long: all of it
 * is one state machine over the same few variables.
 */
import { UploadControl } from '../control.ts'
import { abortedError, FilesError } from '../errors.ts'
import type { Files } from '../files.ts'
import type { UploadOptions, UploadResult } from '../options.ts'
import type { SessionStore } from '../stores/session-store.ts'
import { giveUp } from './give-up.ts'
import { type KeptFile, type KeptFiles, refuseAnother } from './kept-files.ts'
import { type PickedFile, readHandle } from './picked-file.ts'
import { takeUploadLock, type UploadLock } from './upload-lock.ts'
import type { ResumeNeed, UploadStatus, UploadView, UploadWait } from './view.ts'
import { watchedRetries } from './watched-retries.ts'

/** Options of each upload that the list does not set itself. */
export type ItemOptions = Omit<UploadOptions, 'control' | 'resume' | 'signal' | 'onProgress'>

export interface ItemParts {
  readonly files: Files
  readonly options: ItemOptions
  /** Where it rests; undefined keeps nothing over reloads. */
  readonly kept:
    | { readonly name: string; readonly files: KeptFiles; readonly tokens: SessionStore }
    | undefined
  /** `progress` may be told later, anything else is told soon. */
  readonly changed: (what: 'progress' | 'status') => void
  /** It is queued, or gave its place back: whoever may begin, begins. */
  readonly pump: () => void
}

export interface ListItem {
  readonly facts: KeptFile
  /** The same value until something changes. */
  view(): UploadView
  /** It waits for `go`. @param body What was picked; left out, the handle is read when it begins. */
  queue(body?: File): void
  /** Its turn has come. */
  go(): void
  /** It takes one of the places. */
  readonly holdsPlace: boolean
  /** Bytes a second that it may send. */
  limit(bytesPerSecond: number | undefined): void
  /** Cuts a run and keeps its session: the page goes away. */
  stop(): void
  /** After `stop`, if it cut something. */
  goOn(): void
}

/** @param need What the first `resume()` of a kept upload needs. */
export function listItem(first: KeptFile, need: ResumeNeed, parts: ItemParts): ListItem {
  const { kept, changed, pump } = parts
  let facts = first
  let control = new UploadControl()
  let status: UploadStatus = 'interrupted'
  let needs = need
  let file: File | undefined
  let error: FilesError | undefined
  let result: UploadResult | undefined
  let waiting: UploadWait | undefined
  let limit: number | undefined
  let running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined
  /** A run was cut, and another one is to follow. */
  let wasCut = false
  /** Whether the component is there. */
  let present = true
  /** It is being given up: what was asked for before, and comes late, begins nothing. */
  let givenUp = false
  let shown: UploadView | undefined

  const told = (what: 'progress' | 'status') => {
    shown = undefined
    changed(what)
  }
  const turn = (next: UploadStatus, why?: FilesError) => {
    status = next
    error = why
    waiting = undefined
    told('status')
    pump()
  }

  const keep = async (change: Partial<KeptFile>) => {
    facts = { ...facts, ...change }
    // Behind its deletion it would be on the list of the next page.
    if (!givenUp) await kept?.files.put(facts)
  }
  /** What has no handle waits for its file anyway. Nobody waits for it: at worst it goes on once more. */
  const remember = (paused: boolean) => {
    if (facts.handle !== undefined && (facts.paused ?? false) !== paused) keep({ paused }).catch(() => {})
  }
  /** Bound to this upload: the library's own names for sessions are not used. */
  const store = kept && {
    get: async () => undefined,
    // Where the browser denies storage, or has no room, nothing is kept: it is sent all the same.
    set: (_: string, token: Parameters<SessionStore['set']>[1]) =>
      kept.tokens
        .set(facts.id, token)
        .then(() => keep({ loaded: Math.max(facts.loaded, control.loaded), begun: true }))
        .catch(() => {}),
    delete: () => forget(),
    list: async () => [],
  }
  const forget = async () => {
    // In this order: a token without a file is nothing, a file without a token would be sent again.
    if (facts.begun) await kept?.tokens.delete(facts.id)
    await kept?.files.delete(facts.id)
  }

  const queue = (body?: File) => {
    if (givenUp) return
    file = body ?? file
    needs = 'nothing'
    remember(false)
    if (running === undefined) wasCut = false
    turn('queued')
  }

  const go = () => {
    if (running !== undefined) {
      turn('uploading')
      return control.resume()
    }
    const stop = new AbortController()
    // Set before anything is awaited: a second turn finds it running.
    running = { stop, ended: Promise.resolve() }
    turn('uploading')
    wasCut = false
    running = { stop, ended: attempt(stop.signal).finally(ended) }
  }

  const ended = () => {
    running = undefined
    // The component came back while the run was being cut, or the next try is wanted now.
    if (wasCut && present && status === 'interrupted') queue()
    else pump()
  }

  async function attempt(signal: AbortSignal): Promise<void> {
    let lock: UploadLock | undefined
    let body = file
    try {
      lock = kept && (await takeUploadLock(lockName(kept.name, facts.id)))
      if (kept && lock === undefined)
        throw new FilesError('Conflict', 'another tab is sending this file', undefined, { retryable: false })
      body ??= facts.handle && (await readHandle(facts.handle).catch(unreadable))
      if (body === undefined) throw unreadable()
      file = body
      const token = control.toJSON() ?? (facts.begun ? await kept?.tokens.get(facts.id) : undefined)
      if (token === undefined && facts.begun)
        throw new FilesError('SessionGone', 'another tab has ended this upload; start it anew')
      if (token === undefined) refuseAnother(facts, body)
      // Between the click and here it may have been given up or paused.
      if (control.status === 'aborted') throw abortedError('the upload')
      control = token === undefined ? new UploadControl() : UploadControl.from(token)
      if (status === 'paused' || status === 'queued') control.pause()
      control.maxBytesPerSecond = limit
      control.addEventListener('progress', progressed)
      result = await parts.files.upload(facts.key, body, {
        ...parts.options,
        ...watchedRetries(parts.options.retries, (wait) => {
          waiting = wait
          told('status')
        }),
        control,
        signal,
        ...(store === undefined ? {} : { resume: store }),
      })
      turn('completed')
    } catch (thrown) {
      settle(FilesError.wrap(thrown), signal, body)
    } finally {
      lock?.release()
    }
  }

  const progressed = () => {
    waiting = undefined
    told('progress')
  }

  const settle = (why: FilesError, signal: AbortSignal, body: File | undefined) => {
    // Whoever gives it up tells what came of it.
    if (givenUp) return
    if (signal.aborted) {
      // What was paused does not go on by itself.
      wasCut = status !== 'paused'
      // A control that was cut is spent, and looks as if the upload had been given up: another one goes on.
      const token = control.toJSON()
      control = token === undefined ? new UploadControl() : UploadControl.from(token)
      return turn('interrupted')
    }
    // What the provider no longer knows is begun anew by the next `resume()`.
    if (why.code === 'SessionGone') {
      control = new UploadControl()
      keep({ begun: false, loaded: 0 }).catch(() => {})
    }
    if (why.code !== 'BodyChanged') return turn('error', why)
    // The session waits for the right file. A handle that leads to another one is of no use any more.
    if (file === body) file = undefined
    const { handle: _handle, ...rest } = facts
    facts = rest
    needs = 'file'
    turn('interrupted', why)
  }

  const resume = async (picked?: PickedFile) => {
    try {
      const body = picked instanceof File ? picked : await (picked ? readHandle(picked) : again())
      if (givenUp) return
      if (body === undefined) {
        const message =
          needs === 'permission' ? 'the file may not be read' : 'the file has to be picked again'
        return turn(status, new FilesError('NotFound', message, undefined, { retryable: false }))
      }
      if (picked !== undefined && !(picked instanceof File)) facts = { ...facts, handle: picked }
      queue(body)
    } catch (cause) {
      if (givenUp) return
      needs = 'file'
      turn(status, unreadableError(cause))
    }
  }
  const again = async () => file ?? (facts.handle && (await readHandle(facts.handle)))

  async function abort(): Promise<void> {
    if (givenUp || status === 'completed' || status === 'aborted') return
    givenUp = true
    if (status === 'queued') turn('paused')
    try {
      if (running !== undefined) await control.abort().finally(() => running?.ended)
      if (result !== undefined) return
      // A run that had not come to the provider yet has left it there.
      const token = control.toJSON() ?? (facts.begun ? await kept?.tokens.get(facts.id) : undefined)
      result = await giveUp(parts.files, facts.key, token)
      // The provider has been told: a browser that denies storage has nothing to forget.
      await forget().catch(() => {})
      // Its last byte may have been quicker.
      turn(result === undefined ? 'aborted' : 'completed')
    } catch (thrown) {
      givenUp = false
      turn('error', FilesError.wrap(thrown))
    }
  }

  const pause = () => {
    if (status !== 'uploading' && status !== 'queued') return
    remember(true)
    // A control that no run has taken yet takes the status when it begins.
    if (running !== undefined) control.pause({ immediate: true })
    turn('paused')
  }
  const steps = {
    pause,
    resume: (picked?: PickedFile) => {
      if (status === 'paused' && (running !== undefined || (file ?? facts.handle) !== undefined))
        return queue()
      if (status === 'interrupted' || status === 'error' || status === 'paused') void resume(picked)
    },
    hurry: () => {
      if (waiting === undefined || status !== 'uploading') return
      waiting = undefined
      running?.stop.abort()
    },
    abort,
  }

  const view = (): UploadView => {
    const finished = status === 'completed'
    const sending = status === 'uploading'
    const loaded = finished ? facts.size : Math.max(facts.loaded, control.loaded)
    return {
      id: facts.id,
      key: facts.key,
      name: facts.name,
      total: facts.size,
      status,
      phase: control.phase,
      loaded,
      sent: finished ? facts.size : Math.max(loaded, control.sent),
      speed: sending ? control.speed : 0,
      eta: sending ? control.eta : undefined,
      error,
      result,
      file,
      needs,
      waiting,
      ...steps,
    }
  }

  return {
    get facts() {
      return facts
    },
    view: () => {
      shown ??= view()
      return shown
    },
    queue,
    go,
    get holdsPlace() {
      return running !== undefined && status !== 'paused' && status !== 'queued'
    },
    limit: (bytesPerSecond) => {
      limit = bytesPerSecond
      if (running !== undefined) control.maxBytesPerSecond = bytesPerSecond
    },
    stop: () => {
      present = false
      if (status === 'queued' && running === undefined) {
        wasCut = true
        turn('interrupted')
      } else running?.stop.abort()
    },
    goOn: () => {
      present = true
      if (wasCut && running === undefined && status === 'interrupted') queue()
    },
  }
}

function unreadable(cause?: unknown): never {
  throw unreadableError(cause)
}

/** Like a file that changed: the upload waits for one that can be read. */
function unreadableError(cause?: unknown): FilesError {
  return new FilesError('BodyChanged', 'the file cannot be read: pick it again', cause)
}

export function lockName(store: string, id: string): string {
  return `pawl:${store}:${id}`
}
