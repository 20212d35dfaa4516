/** Control connections to one server: kept for a moment, because each costs half a dozen round trips. */
import type { Client } from 'basic-ftp'
import { FilesError } from '../../errors.ts'
import { ftpError } from './failure.ts'
import type { FtpOptions } from './options.ts'

/** Milliseconds that an idle connection is kept. It does not keep the process alive. */
const KEEP = 5000

export class Connections {
  readonly #options: FtpOptions
  readonly #idle: { readonly client: Client; readonly timer: ReturnType<typeof setTimeout> }[] = []
  #root: string | undefined

  constructor(options: FtpOptions) {
    this.#options = options
  }

  /**
   * Runs commands over one connection. It is closed when `signal` ends, and when anything fails: then nobody knows
   * what the server is still doing on it.
   * @param run Gets the folder that keys are below: absolute, without a slash at its end.
   */
  async use<T>(
    what: string,
    signal: AbortSignal,
    run: (client: Client, root: string) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted()
    const kept = this.#idle.pop()
    clearTimeout(kept?.timer)
    const client = kept?.client ?? (await newClient())
    const end = () => client.close()
    signal.addEventListener('abort', end, { once: true })
    try {
      if (kept && !client.closed) client.ftp.socket.ref()
      else await this.#open(client)
      const result = await run(client, await this.#rootOf(client))
      if (!client.closed) this.#keep(client)
      return result
    } catch (error) {
      client.close()
      signal.throwIfAborted()
      throw ftpError(what, error)
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  #keep(client: Client): void {
    client.ftp.socket.unref()
    const timer = setTimeout(() => {
      this.#idle.splice(
        this.#idle.findIndex((idle) => idle.client === client),
        1,
      )
      client.close()
    }, KEEP)
    timer.unref?.()
    this.#idle.push({ client, timer })
  }

  async #open(client: Client): Promise<void> {
    const { host, port = 21, user, password, secure = false, tls = {} } = this.#options
    await client.access({
      host,
      port,
      secure,
      secureOptions: { ...tls },
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
    })
  }

  /** Every path is absolute: listing changes the folder that a connection is in. */
  async #rootOf(client: Client): Promise<string> {
    const { root = '' } = this.#options
    this.#root ??= (root.startsWith('/') ? root : `${await client.pwd()}/${root}`)
      .replace(/\/+/g, '/')
      .replace(/\/$/, '')
    return this.#root
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
