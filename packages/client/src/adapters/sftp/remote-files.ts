/** The requests of SFTP as promises. https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02 */
import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2'
import { NO_SUCH_FILE, statusOf } from './failure.ts'

/** What every server takes in one request. */
const PIECE = 32 * 1024
/** Requests in flight: together as much as may be missing in the middle of a file when a connection breaks. */
const FLYING = 32
export const WINDOW = PIECE * FLYING

type Done<T> = (error?: Error | null, value?: T) => void

export class RemoteFiles {
  readonly #sftp: SFTPWrapper
  closed = false
  /** Requests that a closed connection will never answer. */
  readonly #lost = Promise.withResolvers<never>()

  constructor(sftp: SFTPWrapper) {
    this.#sftp = sftp
    this.#lost.promise.catch(() => {}) // most requests are answered before
    sftp.on('close', () => {
      this.closed = true
      this.#lost.reject(new Error('the connection was closed'))
    })
    sftp.on('error', () => {}) // every request tells its own
  }

  realPath(path: string): Promise<string> {
    return this.#ask((done) => this.#sftp.realpath(path, done))
  }

  /** Undefined where there is nothing. */
  async look(path: string): Promise<Stats | undefined> {
    try {
      return await this.#ask<Stats>((done) => this.#sftp.stat(path, done))
    } catch (error) {
      if (statusOf(error) === NO_SUCH_FILE) return undefined
      throw error
    }
  }

  /** Makes the folder of a path. Whether it is there afterwards, the next request tells. */
  async makeFolder(path: string): Promise<void> {
    const segments = path.split('/').slice(1, -1)
    const folder = `/${segments.join('/')}`
    if (segments.length === 0 || (await this.look(folder))) return
    await this.makeFolder(folder)
    // Somebody else may have made it meanwhile.
    await this.#ask((done) => this.#sftp.mkdir(folder, done)).catch(() => {})
  }

  async list(path: string): Promise<readonly FileEntryWithStats[]> {
    return this.#ask((done) => this.#sftp.readdir(path, done))
  }

  remove(path: string): Promise<void> {
    return this.#ask((done) => this.#sftp.unlink(path, done))
  }

  /** Renames over what is there, in one step. Servers without the extension refuse if something is there. */
  async replace(from: string, to: string): Promise<void> {
    try {
      await this.#ask((done) => this.#sftp.ext_openssh_rename(from, to, done))
    } catch (error) {
      if (statusOf(error) !== undefined || this.closed) throw error
      await this.#ask((done) => this.#sftp.rename(from, to, done))
    }
  }

  /** Gives a file a second name, unless that is taken. */
  link(from: string, to: string): Promise<void> {
    return this.#ask((done) => this.#sftp.ext_openssh_hardlink(from, to, done))
  }

  /** Runs with an open file. */
  async open<T>(path: string, flags: 'r' | 'r+' | 'wx', run: (handle: Buffer) => Promise<T>): Promise<T> {
    const handle = await this.#ask<Buffer>((done) => this.#sftp.open(path, flags, done))
    try {
      return await run(handle)
    } finally {
      if (!this.closed) await this.#ask((done) => this.#sftp.close(handle, done))
    }
  }

  async sizeOf(handle: Buffer): Promise<number> {
    return (await this.#ask<Stats>((done) => this.#sftp.fstat(handle, done))).size
  }

  /** Has the server put a file on its disk, if it knows how. */
  async sync(handle: Buffer): Promise<void> {
    try {
      await this.#ask((done) => this.#sftp.ext_openssh_fsync(handle, done))
    } catch (error) {
      if (statusOf(error) !== undefined || this.closed) throw error
    }
  }

  /** Copies one file into another, at the server. */
  copy(from: Buffer, to: Buffer): Promise<void> {
    return this.#ask((done) => this.#sftp.ext_copy_data(from, 0, 0, to, 0, done))
  }

  /** Writes blocks from `start` on, several requests at a time, in order. Resolves to where they end. */
  async write(handle: Buffer, start: number, blocks: AsyncIterable<Uint8Array>): Promise<number> {
    const flying: Promise<void>[] = []
    let at = start
    for await (const block of blocks) {
      const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength)
      for (let done = 0; done < bytes.length; done += PIECE) {
        if (flying.length === FLYING) await flying.shift()
        const [offset, size, position] = [done, Math.min(PIECE, bytes.length - done), at]
        const written = this.#ask<void>((told) =>
          this.#sftp.write(handle, bytes, offset, size, position, told),
        )
        written.catch(() => {}) // awaited in its turn
        flying.push(written)
        at += size
      }
    }
    for (const written of flying) await written
    return at
  }

  /** Reads at most `count` bytes from `start` on. */
  async *read(
    handle: Buffer,
    start: number,
    count = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = start; at < start + count; ) {
      const buffer = Buffer.alloc(Math.min(8 * PIECE, start + count - at))
      const position = at
      const size = await this.#ask<number>((done) =>
        this.#sftp.read(handle, buffer, 0, buffer.length, position, (error, read) => done(error, read)),
      )
      if (size === 0) return
      at += size
      yield new Uint8Array(buffer.buffer, buffer.byteOffset, size)
    }
  }

  /** One request; it fails when the connection does. */
  #ask<T>(request: (done: Done<T>) => unknown): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    request((error, value) => (error ? reject(error) : resolve(value as T)))
    return Promise.race([promise, this.#lost.promise])
  }
}
