import type { Http } from '../../http/http.ts'
import type { TokenSource } from '../token.ts'

export interface CloudinaryOptions {
  /** The name of the cloud. */
  readonly cloud: string
  /** What the files are for Cloudinary. Default `raw`: files of any kind, kept as they are. */
  readonly type?: 'raw' | 'image' | 'video'
  /** Not needed for unsigned uploads. */
  readonly apiKey?: string
  /** For servers only. As a function it is asked again when one was refused. */
  readonly apiSecret?: TokenSource
  /**
   * Signs uploads without the secret: your backend's `api_sign_request(params, secret)`. Then only uploads work.
   */
  readonly sign?: (params: Readonly<Record<string, string>>) => Promise<string>
  /** An unsigned upload preset, for uploads without a signature; only uploads work. Or one to apply to signed ones. */
  readonly uploadPreset?: string
  /** Bytes of a chunk, at least 5 MB. Default 8 MiB. An upload keeps the size that it began with. */
  readonly chunkSize?: number
  /** Default: `https://api.cloudinary.com`. */
  readonly endpoint?: string
  readonly http?: Http
}
