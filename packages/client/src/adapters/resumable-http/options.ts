import type { ProviderResult } from '../../driver.ts'
import type { Http } from '../../http/http.ts'
import type { HeaderSource } from '../credentials.ts'

export interface ResumableHttpOptions {
  /** Where the ordinary upload would be sent. `{key}` in it stands for the key, encoded as a path. */
  readonly endpoint: string | URL
  /** The method of the ordinary upload. Default `POST`. */
  readonly method?: 'POST' | 'PUT' | 'PATCH'
  /** Sent with every request, credentials above all. As a function it is asked for each request. */
  readonly headers?: HeaderSource
  /**
   * `optimistic`: the request that creates the upload carries its bytes too, once the server has said where the upload
   * is. `careful`: a request of its own creates it. Default: optimistic where interim answers can be seen (Node) and
   * the server sends them, else careful.
   */
  readonly creation?: 'optimistic' | 'careful'
  /** Other origins that the service may put uploads on. */
  readonly trustedOrigins?: readonly string[]
  /** Gets the result from the target's answer to the whole upload. */
  readonly result?: (answer: {
    readonly status: number
    header(name: string): string | undefined
    readonly text: string
  }) => Promise<ProviderResult> | ProviderResult
  /** Another HTTP implementation. */
  readonly http?: Http
}
