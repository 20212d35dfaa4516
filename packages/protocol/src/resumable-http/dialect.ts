/**
 * What differs between the interop versions of Resumable Uploads for HTTP, and nothing else: who speaks one asks its
 * dialect, not its number. docs/resumable-http.md has the same as a table.
 */
import { parseItem } from '../http/structured-field.ts'
import { formatUploadLimit, type UploadLimits } from './fields.ts'

export const INTEROP_HEADER = 'Upload-Draft-Interop-Version'

export interface Dialect {
  /** Sent in every 104; undefined: there are no 104s. */
  readonly interop: number | undefined
  /** The content of an append must be `application/partial-upload`. */
  readonly typedAppends: boolean
  /** A request to append without `Upload-Complete` is one that does not end the upload. */
  readonly completeIsOptional: boolean
  /** The final answer has the upload resource's `Location` (after a creation) and `Upload-Offset`. */
  readonly uploadFieldsAtEnd: boolean
  /** How an append that does not end the upload is acknowledged. */
  readonly appendedStatus: 201 | 204
  /** A look or a cancellation with fields that belong to an append is refused. */
  readonly refusesStrayFields: boolean
  /** What an upload resource that is not active any more is answered with. */
  readonly goneStatus: 404 | 410
  /** What tells a look to come again: clients of some versions begin anew after anything else. */
  readonly laterStatus: 423 | 503
  /** An upload whose outcome is an error can still be looked at. */
  readonly showsFailed: boolean
  /** `Upload-Limit`; undefined where there is no such field. */
  limit(limits: UploadLimits): string | undefined
}

/** Draft -09 and later, the newest readable text among them. */
const CURRENT: Omit<Dialect, 'interop'> = {
  typedAppends: true,
  completeIsOptional: false,
  uploadFieldsAtEnd: false,
  appendedStatus: 204,
  refusesStrayFields: false,
  goneStatus: 410,
  laterStatus: 503,
  showsFailed: true,
  limit: (limits) => formatUploadLimit(limits),
}

/** Drafts -04 and -05. */
const SIX: Dialect = {
  interop: 6,
  typedAppends: true,
  completeIsOptional: true,
  uploadFieldsAtEnd: true,
  appendedStatus: 201,
  refusesStrayFields: true,
  goneStatus: 404,
  laterStatus: 423,
  showsFailed: false,
  limit: (limits) => formatUploadLimit(limits, 'expires'),
}

/** Draft -03. */
const FIVE: Dialect = { ...SIX, interop: 5, typedAppends: false, limit: () => undefined }

const DIALECTS: ReadonlyMap<number, Dialect> = new Map([
  [5, FIVE],
  [6, SIX],
  ...[8, 9, 10].map((interop) => [interop, { ...CURRENT, interop }] as const),
])

/** As the RFC will have it: no version, and until there is an RFC no 104. */
const UNVERSIONED: Dialect = { ...CURRENT, interop: undefined }

/** The interop version that this package's own client asks for. */
export const CLIENT_INTEROP = 8

/**
 * The dialect of a request, by its `Upload-Draft-Interop-Version`. A version that is not known here, or no version,
 * is spoken to like the newest text, without 104.
 */
export function dialectOf(interop: string | undefined): Dialect {
  const item = interop === undefined ? undefined : parseItem(interop)
  return (item?.type === 'integer' && DIALECTS.get(item.value)) || UNVERSIONED
}
