import type { Http } from '../../http/http.ts'
import type { TokenSource } from '../token.ts'

export interface NetlifyBlobsOptions {
  /** The store's name; it is made by the first file in it. */
  readonly store: string
  /** The project's id. In Netlify's builds and functions it is found. */
  readonly siteId?: string
  /** A personal access token; a function is asked again when one was refused. In Netlify's builds and functions it is found. */
  readonly token?: TokenSource
  /** Default: `https://api.netlify.com`. */
  readonly endpoint?: string
  readonly http?: Http
}
