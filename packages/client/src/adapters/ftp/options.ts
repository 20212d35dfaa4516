import type { ConnectionOptions } from 'node:tls'

export interface FtpOptions {
  readonly host: string
  /** Default: 21. */
  readonly port?: number
  /** Default: anonymous. */
  readonly user?: string
  readonly password?: string
  /** `true`: TLS by AUTH TLS, control and data; `'implicit'`: from the first byte, usually on port 990. */
  readonly secure?: boolean | 'implicit'
  /** For certificates of one's own: `{ ca }`. */
  readonly tls?: ConnectionOptions
  /** The folder that keys are paths below; relative to the one after login. Made when something is uploaded. */
  readonly root?: string
}
