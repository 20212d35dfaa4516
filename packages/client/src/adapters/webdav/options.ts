import type { Http } from '../../http/http.ts'
import type { TokenSource } from '../token.ts'

export interface WebdavOptions {
  /** The folder that keys are paths below. Without credentials in it. */
  readonly url: string
  /** For Basic authentication. */
  readonly user?: string
  readonly password?: string
  /** For Bearer authentication; as a function it is asked again when one was refused. */
  readonly token?: TokenSource
  readonly http?: Http
}
