/** A bare socket for tests of what no HTTP client would send: bytes out, answers in. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawReply {
  readonly status: number
  /** Names in lower case; repeated ones joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const WAIT_MS = 15_000

export class RawConnection {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #closed = false
  #ended = false
  #broken = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    // A reset is an end like any other here.
    socket.on('error', () => {
      this.#broken = true
    })
    socket.on('end', () => {
      this.#ended = true
      this.#wake()
    })
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  static async open(port: number, host = '127.0.0.1'): Promise<RawConnection> {
    const socket = connect({ port, host, allowHalfOpen: true })
    await once(socket, 'connect')
    socket.setNoDelay(true)
    return new RawConnection(socket)
  }

  /** The server has ended its side, or the connection is gone. */
  get over(): boolean {
    return this.#ended || this.#closed
  }

  /** It ended by a reset, so that what was on its way may be lost. */
  get broken(): boolean {
    return this.#broken
  }

  /** What came and was not taken as an answer yet, one character per byte. */
  get pending(): string {
    return this.#received.toString('latin1')
  }

  /** Writes text as Latin-1, one byte per character. */
  write(bytes: string | Uint8Array): this {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** Says that nothing more will be sent; answers can still come. */
  end(): this {
    this.#socket.end()
    return this
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** The next answer, interim ones included; undefined when the connection ended without one. */
  async reply({ toHead = false } = {}): Promise<RawReply | undefined> {
    for (;;) {
      const reply = this.#take(toHead)
      if (reply !== undefined) return reply
      if (this.over) return undefined
      await this.#more()
    }
  }

  /** Resolves when the server has ended or broken the connection. */
  async closed(): Promise<void> {
    while (!this.over) await this.#more()
  }

  #take(toHead: boolean): RawReply | undefined {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end === -1) return undefined
    const [first = '', ...lines] = this.#received.toString('latin1', 0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? Number.NaN)
    if (Number.isNaN(status)) throw new Error(`this is no status line: ${JSON.stringify(first)}`)
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon).toLowerCase()
      const value = line.slice(colon + 1).trim()
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
    }
    const bodiless = toHead || status < 200 || status === 204 || status === 304
    const length = bodiless ? 0 : Number(headers['content-length'] ?? 0)
    const total = end + 4 + length
    if (this.#received.length < total) return undefined
    const body = this.#received.toString('latin1', end + 4, total)
    this.#received = this.#received.subarray(total)
    return { status, headers, body }
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the server neither answered nor closed')), WAIT_MS)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = () => {}
        resolve()
      }
    })
  }
}

/** Sends bytes on a connection of their own and returns the first final answer. */
export async function rawRequest(port: number, bytes: string): Promise<RawReply | undefined> {
  const connection = await RawConnection.open(port)
  try {
    connection.write(bytes)
    for (;;) {
      const reply = await connection.reply({ toHead: bytes.startsWith('HEAD ') })
      if (reply === undefined || reply.status >= 200) return reply
    }
  } finally {
    connection.destroy()
  }
}
