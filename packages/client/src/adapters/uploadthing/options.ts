import type { Http } from '../../http/http.ts'
import type { TokenSource } from '../token.ts'

export interface UploadThingOptions {
  /**
   * `UPLOADTHING_TOKEN`, for servers only: uploads are signed with it here, nothing is asked for. As a function it is
   * asked again when one was refused.
   */
  readonly token?: TokenSource
  /** In a page: a URL that your backend signed for the file. Then only uploads work. */
  readonly presign?: (file: UploadThingFile) => Promise<string>
  /** Default: what the app allows. */
  readonly acl?: 'public-read' | 'private'
  /**
   * Bytes of one request. Default: all that are missing, as UploadThing's own client sends them; whether the service
   * takes fewer was never tried.
   */
  readonly chunkSize?: number
  /** Of the API. Default: `https://api.uploadthing.com`. */
  readonly endpoint?: string
  /** What takes uploads. Default: that of the token's first region. */
  readonly ingest?: string
  /** What the files are read from, up to their keys. Default: `https://{app}.ufs.sh/f`. */
  readonly files?: string
  readonly http?: Http
}

/** What a backend signs. */
export interface UploadThingFile {
  /** Of an upload under way: its URL is needed once more. Else the backend makes one. */
  readonly fileKey: string | undefined
  readonly name: string
  /** The key of the upload. */
  readonly customId: string
  /** Bytes. */
  readonly size: number
  readonly type: string
}
