import type { Http } from '../../http/http.ts'
import type { TokenSource } from '../token.ts'

export interface AppwriteOptions {
  /** The project's id. */
  readonly project: string
  /** The bucket's id. */
  readonly bucket: string
  /** An API key with the scopes `files.read` and `files.write`; for `url` also `tokens.write`. */
  readonly key?: TokenSource
  /** A user's token instead. It lives 15 minutes: as a function it is asked again when one was refused. */
  readonly jwt?: TokenSource
  /** Who may do what with files that are uploaded, such as `read("any")`. Default: what Appwrite gives. */
  readonly permissions?: readonly string[]
  /** Default: `https://cloud.appwrite.io/v1`. */
  readonly endpoint?: string
  /** Bytes of a chunk, default 5 MiB: the only size that Appwrite's servers take. */
  readonly chunkSize?: number
  readonly http?: Http
}
