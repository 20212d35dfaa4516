export interface SftpOptions {
  readonly host: string
  /** Default: 22. */
  readonly port?: number
  readonly user: string
  /**
   * The server's keys, as `ssh-keygen -lf` prints their fingerprints: `SHA256:…`. A server with another one is
   * refused before it learns a credential.
   */
  readonly hostKeys: readonly string[]
  readonly password?: string
  /** A private key, in the formats of OpenSSH and PEM. */
  readonly privateKey?: string
  readonly passphrase?: string
  /** The socket of an agent, as in `SSH_AUTH_SOCK`. */
  readonly agent?: string
  /** The folder that keys are paths below; relative to the one after login. Made when something is uploaded. */
  readonly root?: string
}
