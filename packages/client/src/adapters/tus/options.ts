import type { ProviderResult, UploadIntent } from '../../driver.ts'
import type { Http } from '../../http/http.ts'
import type { ChunkLimits } from '../chunk-rule.ts'
import type { HeaderSource } from '../credentials.ts'

/** What differs between services that speak tus. */
export interface TusOptions {
  /** Where uploads are created; in a page it may be relative to it. Not needed with `uploadUrl`. */
  readonly endpoint?: string | URL
  /** The URL of an upload that was created elsewhere, e.g. by a backend. */
  readonly uploadUrl?: string | URL
  /** Sent with every request, credentials above all. As a function it is asked for each request. */
  readonly headers?: HeaderSource
  /** `Upload-Metadata`. Default: `filename` and `filetype`, and the `metadata` of the upload. */
  readonly metadata?: (intent: UploadIntent) => Readonly<Record<string, string>>
  /** Sizes of the bodies of PATCH requests, in bytes, where the service restricts them. */
  readonly chunk?: ChunkLimits
  /** How many parts of one file to send side by side and join by concatenation, where offered. Default 1. */
  readonly parallel?: number
  /** Send small bodies along with the creation, where offered. Default true. */
  readonly creationWithUpload?: boolean
  /**
   * Send a checksum with each chunk, where one that is quick to compute is offered. Default true: before the chunk, which
   * is held in memory for it (16 MiB at most).
   *
   * `'trailer'`: behind the chunk, where CRC-32 and `checksum-trailer` are offered, in Node, Bun and Deno. Nothing is held,
   * which is quicker on a quick line. Only for servers behind no proxy, or one that hands trailers on: nginx does not,
   * and the chunk is refused then; one that removes even `Trailer` leaves it unchecked.
   */
  readonly checksum?: boolean | 'trailer'
  /** Send PATCH and DELETE as POST with `X-HTTP-Method-Override`, for proxies that know neither. */
  readonly methodOverride?: boolean
  /** Other origins that the service may put uploads on. */
  readonly trustedOrigins?: readonly string[]
  /** Gets the result when the last byte was taken: finalize, poll, or read the last answer's headers. */
  readonly result?: (done: {
    readonly url: string
    /** A header of the last answer. */
    header(name: string): string | undefined
    readonly signal: AbortSignal
  }) => Promise<ProviderResult>
  /** Another HTTP implementation. With `checksum: 'trailer'` it has to send `trailers`. */
  readonly http?: Http
}
