/** Control connections to one server. */
import type { Client } from 'basic-ftp'
import { FilesError } from '../../errors.ts'
import { type Connection, Pool } from '../pool.ts'
import { ftpError } from './failure.ts'
import type { FtpOptions } from './options.ts'

interface Session extends Connection {
  readonly client: Client
  /** The folder that keys are below: absolute, because listing changes the one that a connection is in. */
  readonly root: string
}

export class Connections {
  readonly #options: FtpOptions
  readonly #pool = new Pool<Session>((signal) => this.#session(signal))

  constructor(options: FtpOptions) {
    this.#options = options
  }

  /** Runs commands. @param run Gets the folder that keys are below, without a slash at its end. */
  async use<T>(
    what: string,
    signal: AbortSignal,
    run: (client: Client, root: string) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#pool.use(signal, ({ client, root }) => run(client, root))
    } catch (error) {
      signal.throwIfAborted()
      throw ftpError(what, error)
    }
  }

  /** A connection that is the caller's to close. */
  async open(signal = new AbortController().signal): Promise<Client> {
    const client = await newClient()
    const { host, port = 21, user, password, secure = false, tls } = this.#options
    const end = () => client.close()
    signal.addEventListener('abort', end, { once: true })
    try {
      signal.throwIfAborted()
      await client.access({
        host,
        port,
        secure,
        ...(tls && { secureOptions: { ...tls } }),
        ...(user === undefined ? {} : { user }),
        ...(password === undefined ? {} : { password }),
      })
      return client
    } catch (error) {
      client.close()
      throw error
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  async #session(signal: AbortSignal): Promise<Session> {
    const client = await this.open(signal)
    const { root = '' } = this.#options
    const absolute = root.startsWith('/') ? root : `${await client.pwd()}/${root}`
    return {
      client,
      root: absolute.replace(/\/+/g, '/').replace(/\/$/, ''),
      get closed() {
        return client.closed
      },
      close: () => client.close(),
      hold: (on) => (on ? client.ftp.socket.ref() : client.ftp.socket.unref()),
    }
  }
}

async function newClient(): Promise<Client> {
  try {
    const { Client } = await import('basic-ftp')
    // Silence is the engine's to judge.
    return new Client(0)
  } catch (cause) {
    throw new FilesError('NotSupported', 'pawl/ftp needs an FTP client: npm install basic-ftp', cause)
  }
}
