/** One file on the list: an immutable value. */
export interface Row {
  readonly id: number
  readonly name: string
  readonly size: number
  /** Bytes that have left this machine; never goes back while the upload lives. */
  readonly sent: number
  /** Bytes that the server has confirmed. */
  readonly accepted: number
  /** Bytes per second. */
  readonly speed: number | undefined
  readonly state: RowState
}

export type RowState =
  | { readonly kind: 'queued' }
  | { readonly kind: 'active'; readonly stage: Stage }
  | { readonly kind: 'paused' }
  /** Unfinished before a reload: goes on when the same file is chosen again. */
  | { readonly kind: 'waiting' }
  /** The server wants a key first. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'done'; readonly url: string }

export type Stage =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'sending' }
  | { readonly kind: 'finishing' }
  /** Between two tries; `until` is a time in milliseconds. */
  | { readonly kind: 'holding'; readonly words: string; readonly until: number }
