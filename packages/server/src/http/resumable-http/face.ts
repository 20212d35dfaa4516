/** What this door asks of the faces whose requests may become resumable, and of whoever mounts it. */
import type { OutgoingHttpHeaders } from 'node:http'
import type { Dialect } from '@pawl/protocol'
import type { Objects } from '../../objects/objects.ts'
import type { CreateRequest } from '../../uploads/create.ts'
import type { Permit } from '../../uploads/engine.ts'
import type { Answer, FaceName, UploadRecord } from '../../uploads/upload.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import type { Cors } from '../cors.ts'
import type { Exchange } from '../exchange.ts'

export interface TargetFace {
  /** Judges the credentials of a request to an upload resource; throws what `refusal` renders. */
  permit(exchange: Exchange, action: 'look' | 'change'): Promise<Permit>
  /** What the ordinary request would have been answered with. */
  answer(upload: UploadRecord, answer: Answer): FinalAnswer
  /** The face's own words for an error; undefined for one that it does not know: then it is ours. */
  refusal(error: unknown): FinalAnswer | undefined
}

export interface FinalAnswer {
  readonly status: number
  /** With `Content-Type`, where there is a body. */
  readonly headers: OutgoingHttpHeaders
  readonly body: string
}

export interface ResumableDoor {
  readonly uploads: Uploads
  readonly objects: Objects
  /** What stands before the path in an upload's URL: empty, or the public URL. */
  readonly urlPrefix: string
  readonly faces: ReadonlyMap<FaceName, TargetFace>
  readonly cors: Cors
  /** Whether a 104 may be sent to whoever sent this request. */
  readonly mayInform: (exchange: Exchange) => boolean
  /** Seconds a request has to wait because its client makes too many; 0 to go on. */
  readonly pace: (exchange: Exchange) => number
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Something went wrong that is not the client's doing. */
  readonly onError: (error: unknown, exchange: Exchange) => void
}

/** What a request says that begins an upload. */
export interface Wish {
  readonly dialect: Dialect
  /** The content is the whole representation. */
  readonly complete: boolean
  /** Bytes of the whole representation, where the request tells. */
  readonly length: number | undefined
}

/** Where a new upload goes and what becomes of it, as its face decided. */
export type Creation = Omit<CreateRequest, 'length' | 'concat' | 'digests' | 'ending'> & {
  /** Stands behind the `?` of the upload's URL, for who has no other credential. */
  readonly query?: string
}
