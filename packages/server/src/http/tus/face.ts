/** What the tus door asks of the place where it is mounted. */
import type { OutgoingHttpHeaders } from 'node:http'
import type { DigestAlgorithm } from '../../blobs/digests.ts'
import type { Objects } from '../../objects/objects.ts'
import type { CreateRequest } from '../../uploads/create.ts'
import type { Permit } from '../../uploads/engine.ts'
import type { Answer, UploadRecord } from '../../uploads/upload.ts'
import type { Uploads } from '../../uploads/uploads.ts'
import type { Exchange } from '../exchange.ts'

export interface TusFace {
  readonly uploads: Uploads
  readonly objects: Objects
  /**
   * Paths where uploads are created, without a slash at the end, longer ones first; an upload's own path is
   * `<mount>/<id>` of the mount where it was created.
   */
  readonly mounts: readonly string[]
  /** Uploads here are of one piece: no parts that are joined. */
  readonly whole?: true
  /** What stands before the path in an upload's URL: empty, or the public URL. */
  readonly urlPrefix: string
  /** Judges the credentials of a request, before anything else is looked at. */
  admit(exchange: Exchange, action: TusAction): Promise<Admission>
  /** How the final answer names the object. */
  objectId(upload: UploadRecord, answer: Answer): string
  /** Renders a refusal; undefined for an error that this face does not know: then it is ours. */
  refusal(error: unknown, method: string): TusRefusal | undefined
  /** Something went wrong that is not the client's doing. */
  readonly onError: (error: unknown, exchange: Exchange) => void
}

export type TusAction = 'create' | 'look' | 'change'

export interface TusRefusal {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  /** `Content-Type` is among the headers. */
  readonly body: string
}

/** Whose request this is, as far as the door needs to know. */
export interface Admission {
  readonly permit: Permit
  /** Where a new upload is to go; throws when it may not. */
  target(wish: CreationWish): Promise<Target>
}

export interface CreationWish {
  readonly concat: 'whole' | 'partial' | 'final'
  /** Bytes; undefined when they are told later, or known from the parts of a final upload. */
  readonly length: number | undefined
  readonly metadata: ReadonlyMap<string, string>
}

export type Target = Pick<
  CreateRequest,
  'face' | 'owner' | 'bucket' | 'key' | 'precondition' | 'headers' | 'userMetadata' | 'maxSize' | 'capability'
> & {
  /** What is kept instead of the client's metadata, where that holds a secret. */
  readonly metadata?: string
  /** Digests that the object is to have besides those that the client wants. */
  readonly wanted?: readonly DigestAlgorithm[]
}

/** The mount that a path lies on, and what follows it. */
export function locate(face: TusFace, path: string): { mount: string; rest: string } | undefined {
  for (const mount of face.mounts) {
    if (path === mount) return { mount, rest: '' }
    if (path.startsWith(`${mount}/`)) return { mount, rest: path.slice(mount.length + 1) }
  }
  return undefined
}
