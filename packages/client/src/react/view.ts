/** What components see of an upload: a value that is replaced when something changes. */
import type { UploadPhase } from '../control.ts'
import type { FilesError } from '../errors.ts'
import type { UploadResult } from '../options.ts'
import type { PickedFile } from './picked-file.ts'

/**
 * `queued`: it waits until fewer than `concurrency` are on their way.
 * `interrupted`: the page was reloaded or left in the middle of it; `resume()` goes on.
 * `completed`, `aborted` and `error` are final, but an `error` can be tried again with `resume()`.
 */
export type UploadStatus =
  | 'queued'
  | 'uploading'
  | 'paused'
  | 'interrupted'
  | 'completed'
  | 'aborted'
  | 'error'

/** What `resume()` needs: nothing, a click (the browser will ask), or the file, picked again. */
export type ResumeNeed = 'nothing' | 'permission' | 'file'

export interface UploadWait {
  readonly error: FilesError
  /** Milliseconds since 1970. */
  readonly until: number
}

export interface UploadView {
  /** Stays the same over reloads. */
  readonly id: string
  readonly key: string
  readonly name: string
  readonly status: UploadStatus
  readonly phase: UploadPhase | undefined
  /** Bytes that the provider acknowledged. */
  readonly loaded: number
  /** Bytes handed to the network. */
  readonly sent: number
  /** Bytes. */
  readonly total: number
  /** Bytes a second. */
  readonly speed: number
  /** Seconds left. */
  readonly eta: number | undefined
  /** Why it failed, or why `resume()` was refused: `BodyChanged` when another file was picked. */
  readonly error: FilesError | undefined
  readonly result: UploadResult | undefined
  /** What is uploaded, once it was picked or its handle was read. */
  readonly file: File | undefined
  readonly needs: ResumeNeed
  /** Between two tries: what went wrong, and when it is tried again. Told where the list's `retries` are set. */
  readonly waiting: UploadWait | undefined
  /** Stops at once: what is on its way is cut, and what arrived of it counts. */
  pause(): void
  /** Goes on. @param picked The file, when `needs` is `file`; another one is refused before a byte goes out. */
  resume(picked?: PickedFile): void
  /** While it waits: tries again now. */
  hurry(): void
  /** Gives it up, at the provider too. Never rejects: what went wrong is in `error`. */
  abort(): Promise<void>
}
