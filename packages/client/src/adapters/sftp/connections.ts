/** SSH connections to one server, each with one SFTP channel. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { connect } from 'node:net'
import type { Client, SFTPWrapper } from 'ssh2'
import { FilesError } from '../../errors.ts'
import { type Connection, Pool } from '../pool.ts'
import { sftpError } from './failure.ts'
import type { SftpOptions } from './options.ts'
import { RemoteFiles } from './remote-files.ts'

interface Session extends Connection {
  readonly files: RemoteFiles
  /** The folder that keys are below: absolute, without a slash at its end. */
  readonly root: string
}

export class Connections {
  readonly #options: SftpOptions
  readonly #pool = new Pool<Session>((signal) => this.#session(signal))

  constructor(options: SftpOptions) {
    this.#options = options
  }

  /** Runs requests. @param run Gets the folder that keys are below, without a slash at its end. */
  async use<T>(
    what: string,
    signal: AbortSignal,
    run: (files: RemoteFiles, root: string) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#pool.use(signal, ({ files, root }) => run(files, root))
    } catch (error) {
      signal.throwIfAborted()
      throw sftpError(what, error)
    }
  }

  async #session(signal: AbortSignal): Promise<Session> {
    const { Client } = await library()
    const { host, port = 22, user, hostKeys, root = '', ...credentials } = this.#options
    // One's own socket: only so it can be told not to keep the process alive.
    const sock = connect(port, host)
    sock.setNoDelay(true)
    const client = new Client()
    let refused = false
    const end = () => sock.destroy(new Error('ended by the caller'))
    signal.addEventListener('abort', end, { once: true })
    try {
      const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
      client.on('ready', resolve).on('error', reject)
      sock.on('error', reject)
      client.on('close', () => reject(new Error('the connection was closed')))
      client.connect({
        ...credentials,
        sock,
        username: user,
        // Silence is the engine's to judge.
        readyTimeout: 0,
        hostVerifier: (key: Buffer) => {
          refused = !hostKeys.some((known) => isKey(known, key))
          return !refused
        },
      })
      await ready
      const files = new RemoteFiles(await channelOf(client))
      const absolute = root.startsWith('/') ? root : `${await files.realPath('.')}/${root}`
      return {
        files,
        root: absolute.replace(/\/+/g, '/').replace(/\/$/, ''),
        get closed() {
          return sock.destroyed || files.closed
        },
        close: () => {
          client.end()
          sock.destroy()
        },
        hold: (on) => (on ? sock.ref() : sock.unref()),
      }
    } catch (error) {
      sock.destroy()
      if (!refused) throw error
      throw new FilesError(
        'Unauthorized',
        `${host} has another key than those in hostKeys: somebody else may be answering in its place`,
        error,
      )
    } finally {
      signal.removeEventListener('abort', end)
    }
  }
}

/** Whether a fingerprint is that of a key. */
function isKey(fingerprint: string, key: Buffer): boolean {
  const ours = Buffer.from(`SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`)
  const known = Buffer.from(fingerprint.trim().replace(/=+$/, ''))
  return ours.length === known.length && timingSafeEqual(ours, known)
}

function channelOf(client: Client): Promise<SFTPWrapper> {
  const { promise, resolve, reject } = Promise.withResolvers<SFTPWrapper>()
  client.on('close', () => reject(new Error('the connection was closed')))
  client.sftp((error, channel) => (error ? reject(error) : resolve(channel)))
  return promise
}

async function library(): Promise<typeof import('ssh2')> {
  try {
    const module = await import('ssh2')
    return module.default ?? module
  } catch (cause) {
    throw new FilesError('NotSupported', 'pawl/sftp needs an SSH client: npm install ssh2', cause)
  }
}
