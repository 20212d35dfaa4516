import type { Stage } from './row.ts'

/** What the list needs from the network, and what it is told by it. */
export interface Uploader {
  start(file: File, fingerprint: string, tell: Tell): Transfer
  /** Asks the server what it holds of an unfinished upload. */
  inspect(fingerprint: string): Promise<Inspection>
  /** Deletes an unfinished upload on the server. */
  discard(fingerprint: string): void
}

export type Report =
  | Stage
  | { readonly kind: 'sent'; readonly bytes: number }
  | { readonly kind: 'accepted'; readonly bytes: number }
  /** The server no longer has the upload: it begins again. */
  | { readonly kind: 'restarted' }
  | { readonly kind: 'key'; readonly words: string }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'done'; readonly url: string }

export type Tell = (report: Report) => void

export interface Transfer {
  /** Ends when nothing is on its way any more. */
  stop(): Promise<void>
  /** Try again now instead of waiting. */
  hurry(): void
}

export type Inspection =
  | { readonly kind: 'holds'; readonly bytes: number }
  | { readonly kind: 'complete'; readonly url: string }
  | { readonly kind: 'gone' }
  | { readonly kind: 'key'; readonly words: string }
  | { readonly kind: 'unknown' }
