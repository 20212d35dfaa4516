/** What is asked of the process that looks at media, and what it says. */
import type { MediaFacts, MediaFailure, MediaType } from '../media-file.ts'

export type Inspection =
  | {
      readonly kind: 'fine'
      /** The media type of the bytes. */
      readonly type: string
      readonly mediaType: MediaType
      readonly facts: MediaFacts
      /** A WebP picture. */
      readonly thumbnail?: Uint8Array | undefined
    }
  | { readonly kind: 'bad'; readonly mediaType: MediaType; readonly failure: MediaFailure }

export interface InspectionRequest {
  /** Bytes. */
  readonly size: number
  readonly declaredType: string
}

/** To the process: look at this, or here are the bytes that you asked for (fewer: there are no more). */
export type ToInspector =
  | { readonly kind: 'inspect'; readonly request: InspectionRequest }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }

export type FromInspector =
  | { readonly kind: 'started' }
  | { readonly kind: 'read'; readonly start: number; readonly end: number }
  | { readonly kind: 'done'; readonly inspection: Inspection }
  /** It could not look: nothing is known of the file. */
  | { readonly kind: 'broken'; readonly message: string }

/** The bytes are not what they should be: the file is FAILED. */
export class BadMedia extends Error {
  readonly code: string

  constructor(code: BadMedia['code'], description: string) {
    super(description)
    this.name = 'BadMedia'
    this.code = code
  }
}

export function damaged(what: string): BadMedia {
  return new BadMedia('DAMAGED_FILE', what)
}

export function overLimit(what: string): BadMedia {
  return new BadMedia('PROCESSING_LIMIT_EXCEEDED', what)
}
