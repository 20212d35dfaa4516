/** What is asked of the process that looks at media, and what it says. */
import { z } from 'zod'
import { isMediaType } from '../../objects/media-type.ts'
import { MEDIA_TYPES } from '../media-file.ts'

const Amount = z.number().nonnegative().optional()

/** What the process says is checked: a parser that was taken over speaks for it. */
const Inspection = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('fine'),
    /** The media type of the bytes. */
    type: z.string().refine(isMediaType),
    mediaType: z.enum(MEDIA_TYPES),
    facts: z.object({
      width: Amount,
      height: Amount,
      orientation: Amount,
      duration: Amount,
      bitrate: Amount,
      format: z.string().max(100).optional(),
    }),
    /** A WebP picture. */
    thumbnail: z
      .custom<Uint8Array>((told) => told instanceof Uint8Array && told.byteLength <= 1024 * 1024)
      .optional(),
  }),
  z.object({
    kind: z.literal('bad'),
    mediaType: z.enum(MEDIA_TYPES),
    failure: z.object({ code: z.string().max(100), description: z.string().max(1000) }),
  }),
])
export type Inspection = z.infer<typeof Inspection>

/** From a message of the process; undefined when it makes no sense. */
export const inspectionFrom = (told: unknown): Inspection | undefined => Inspection.safeParse(told).data

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
  | { readonly kind: 'done'; readonly inspection: unknown }
  /** A parser failed in a way that nobody foresaw. */
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
