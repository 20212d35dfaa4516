/** Callbacks that watch a `Files`. They are never awaited, and what they throw is ignored. */
import type { FilesError } from '../errors.ts'

export type FilesActionType =
  | 'upload'
  | 'download'
  | 'head'
  | 'exists'
  | 'delete'
  | 'copy'
  | 'move'
  | 'list'
  | 'url'
  | 'signedUploadUrl'

/** What a call was about, with the keys as its caller gave them. */
export interface Subject {
  readonly type: FilesActionType
  readonly key?: string
  readonly keys?: string[]
  readonly from?: string
  readonly to?: string
}

export interface FilesActionEvent extends Subject {
  readonly status: 'success' | 'error'
  readonly result?: unknown
  readonly error?: FilesError
  readonly durationMs: number
}

export interface FilesErrorEvent extends Subject {
  readonly error: FilesError
  readonly durationMs: number
}

export interface FilesRetryEvent extends Subject {
  /** 1 for the first retry. */
  readonly attempt: number
  readonly maxRetries: number
  readonly delayMs: number
  readonly error: FilesError
}

export interface FilesHooks {
  /** A call settled. */
  readonly onAction?: (event: FilesActionEvent) => void
  /** A call is about to reject. */
  readonly onError?: (event: FilesErrorEvent) => void
  /** A call, or a piece of an upload, is about to be tried again. */
  readonly onRetry?: (event: FilesRetryEvent) => void
}

/** Calls a hook without letting it do harm. */
export function tell<Event>(hook: ((event: Event) => void) | undefined, event: Event): void {
  try {
    hook?.(event)
  } catch {
    // A hook watches; its failure is not the call's.
  }
}
