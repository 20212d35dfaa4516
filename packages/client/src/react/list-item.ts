/** One upload of a list, from the click to its outcome, over as many runs as it takes. */
import { UploadControl } from '../control.ts'
import { abortedError, FilesError } from '../errors.ts'
import type { Files } from '../files.ts'
import type { UploadOptions, UploadResult } from '../options.ts'
import type { SessionStore } from '../stores/session-store.ts'
import type { KeptFile, KeptFiles } from './kept-files.ts'
import { type PickedFile, readHandle } from './picked-file.ts'
import { takeUploadLock, type UploadLock } from './upload-lock.ts'
import type { ResumeNeed, UploadStatus, UploadView } from './view.ts'

/** Options of each upload that the list does not set itself. */
export type ItemOptions = Omit<UploadOptions, 'control' | 'resume' | 'signal' | 'onProgress'>

export interface ItemParts {
  readonly files: Files
  readonly options: ItemOptions
  /** Where it rests; undefined keeps nothing over reloads. */
  readonly kept:
    | { readonly name: string; readonly files: KeptFiles; readonly tokens: SessionStore }
    | undefined
  /** `progress` may be told later, anything else is told now. */
  readonly changed: (what: 'progress' | 'status') => void
}

export interface ListItem {
  readonly id: string
  view(): UploadView
  /** The first run. */
  begin(file: File): void
  /** Cuts a run and keeps its session: the page goes away. */
  stop(): void
  /** After `stop`, if it cut something. */
  goOn(): void
}

/** @param need What the first `resume()` of a kept upload needs. */
export function listItem(facts: KeptFile, need: ResumeNeed, parts: ItemParts): ListItem {
  const { kept, changed } = parts
  let control = new UploadControl()
  let status: UploadStatus = 'interrupted'
  let needs = need
  let file: File | undefined
  let handle = facts.handle
  let error: FilesError | undefined
  let result: UploadResult | undefined
  let running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined
  let wasCut = false
  /** Whether the component is there. */
  let present = true

  const turn = (next: UploadStatus, why?: FilesError) => {
    status = next
    error = why
    changed('status')
  }

  /** Bound to this upload: the library's own names for sessions are not used. */
  const store = kept && {
    get: async () => undefined,
    set: async (_: string, token: Parameters<SessionStore['set']>[1]) => {
      const { handle: _handle, ...rest } = facts
      const loaded = Math.max(facts.loaded, control.loaded)
      await kept.files.put({ ...rest, loaded, ...(handle === undefined ? {} : { handle }) })
      await kept.tokens.set(facts.id, token)
    },
    delete: () => forget(),
    list: async () => [],
  }
  const forget = async () => {
    await kept?.tokens.delete(facts.id)
    await kept?.files.delete(facts.id)
  }

  const run = (body: File) => {
    if (running !== undefined) return
    const stop = new AbortController()
    // Set before anything is awaited: a second click finds it running.
    turn('uploading')
    wasCut = false
    running = { stop, ended: attempt(body, stop.signal).finally(ended) }
  }

  const ended = () => {
    running = undefined
    // The component came back while the run was being cut.
    if (wasCut && present && file !== undefined) run(file)
  }

  async function attempt(body: File, signal: AbortSignal): Promise<void> {
    let lock: UploadLock | undefined
    try {
      lock = kept && (await takeUploadLock(lockName(kept.name, facts.id)))
      if (kept && lock === undefined)
        throw new FilesError('Conflict', 'another tab is sending this file', undefined, { retryable: false })
      const token = control.toJSON() ?? (await kept?.tokens.get(facts.id))
      // Between the click and here it may have been given up or paused.
      if (control.status === 'aborted') throw abortedError('the upload')
      control = token === undefined ? new UploadControl() : UploadControl.from(token)
      if (status === 'paused') control.pause()
      control.addEventListener('progress', () => changed('progress'))
      const own = control
      result = await parts.files.upload(facts.key, body, {
        ...parts.options,
        control: own,
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

  const settle = (why: FilesError, signal: AbortSignal, body: File) => {
    if (control.status === 'aborted' && !signal.aborted) return turn('aborted')
    if (signal.aborted) {
      wasCut = true
      needs = 'nothing'
      return turn('interrupted')
    }
    // What the provider no longer knows is begun anew by the next `resume()`.
    if (why.code === 'SessionGone') control = new UploadControl()
    if (why.code !== 'BodyChanged') return turn('error', why)
    // The session waits for the right file. A handle that leads to another one is of no use any more.
    if (file === body) file = undefined
    handle = undefined
    needs = 'file'
    turn('interrupted', why)
  }

  const resume = async (picked?: PickedFile) => {
    try {
      const body = picked instanceof File ? picked : await (picked ? readHandle(picked) : again())
      if (body === undefined) {
        const message =
          needs === 'permission' ? 'the file may not be read' : 'the file has to be picked again'
        return turn(status, new FilesError('NotFound', message, undefined, { retryable: false }))
      }
      if (picked !== undefined && !(picked instanceof File)) handle = picked
      file = body
      run(body)
    } catch (cause) {
      needs = 'file'
      turn(
        status,
        new FilesError('NotFound', `the file cannot be read: pick it again`, cause, { retryable: false }),
      )
    }
  }
  const again = async () => file ?? (handle && (await readHandle(handle)))

  const view: Omit<UploadView, 'status'> = {
    id: facts.id,
    key: facts.key,
    name: facts.name,
    total: facts.size,
    get phase() {
      return control.phase
    },
    get loaded() {
      return status === 'completed' ? facts.size : Math.max(facts.loaded, control.loaded)
    },
    get sent() {
      return status === 'completed' ? facts.size : Math.max(facts.loaded, control.sent)
    },
    get speed() {
      return status === 'uploading' ? control.speed : 0
    },
    get eta() {
      return status === 'uploading' ? control.eta : undefined
    },
    get error() {
      return error
    },
    get result() {
      return result
    },
    get needs() {
      return needs
    },
    pause: () => {
      if (status !== 'uploading') return
      control.pause()
      turn('paused')
    },
    resume: (picked) => {
      if (status === 'uploading' || status === 'completed' || status === 'aborted') return
      if (running === undefined) return void resume(picked)
      control.resume()
      turn('uploading')
    },
    abort: () => abort(),
  }

  async function abort(): Promise<void> {
    if (status === 'completed' || status === 'aborted') return
    try {
      if (running !== undefined) {
        await control.abort()
        await running?.ended
      } else {
        await discard(control.toJSON() ?? (await kept?.tokens.get(facts.id)))
      }
      await forget()
      turn('aborted')
    } catch (thrown) {
      turn('error', FilesError.wrap(thrown))
    }
  }

  /** Tells the provider without the file, which may not be there any more. */
  async function discard(token: ReturnType<UploadControl['toJSON']>): Promise<void> {
    if (token === undefined) return
    const last = UploadControl.from(token)
    last.pause()
    const body = { size: token.body.size, slice: () => new Uint8Array(0) }
    const ended = parts.files.upload(facts.key, body, { control: last }).catch((error: unknown) => error)
    await last.abort()
    const error = await ended
    if (error instanceof FilesError && !error.aborted) throw error
  }

  return {
    id: facts.id,
    view: () => ({ ...view, status }),
    begin: (body) => {
      file = body
      needs = 'nothing'
      run(body)
    },
    stop: () => {
      present = false
      running?.stop.abort()
    },
    goOn: () => {
      present = true
      if (wasCut && file !== undefined) run(file)
    },
  }
}

export function lockName(store: string, id: string): string {
  return `pawl:${store}:${id}`
}
