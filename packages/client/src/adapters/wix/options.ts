import type { Http } from '../../http/http.ts'
import type { TokenSource } from '../token.ts'

/** What uploads one file, for whoever has it. */
export interface WixUploadUrl {
  readonly uploadUrl: string
  readonly uploadToken: string
}

/** What an upload URL is asked for with. */
export interface WixWish {
  readonly fileName: string
  readonly mimeType: string
  /** Decimal. */
  readonly sizeInBytes: string
  /** The folders of the key, below `parentFolderId`. */
  readonly filePath?: string | undefined
  readonly parentFolderId?: string | undefined
}

export interface WixOptions {
  /** An API key or access token, or Pawl's service key. As a function it is asked again when one was refused. */
  readonly token?: TokenSource
  /** The site, where the token is an API key of an account. */
  readonly siteId?: string
  /**
   * Asks your backend for an upload URL, where there is no key: it passes the wish on to
   * `generate-resumable-upload-url`. Then only uploads work, and an older file of the same key stays beside the new one.
   */
  readonly grant?: (wish: WixWish) => Promise<WixUploadUrl>
  /** The id of the folder that keys are below. Default: the root of the media manager. */
  readonly folder?: string
  /** What else is said about files that are uploaded. */
  readonly terms?: { readonly private?: boolean; readonly labels?: readonly string[] }
  /** Milliseconds that a file may be PENDING after its last byte, default ten minutes; 0: it is not waited for. */
  readonly readyWithin?: number
  /** Default: `https://www.wixapis.com`. Pawl's server takes its own URL. */
  readonly endpoint?: string
  readonly http?: Http
}
