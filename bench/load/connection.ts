/**
 * One keep-alive connection that speaks just enough HTTP/1.1 for a load generator: one request at a time,
 * nothing copied, nothing parsed that is not asked for. The client must cost far less than what it measures.
 */
import { connect, type Socket } from 'node:net'

export class Answer {
  readonly status: number
  readonly #head: string

  constructor(head: string) {
    this.status = Number(head.slice(9, 12))
    this.#head = head
  }

  /** @param name - in any case */
  header(name: string): string | undefined {
    const at = this.#head.toLowerCase().indexOf(`\r\n${name.toLowerCase()}:`)
    if (at === -1) return undefined
    const end = this.#head.indexOf('\r\n', at + 2)
    return this.#head.slice(at + name.length + 3, end === -1 ? undefined : end).trim()
  }
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  readonly bodiless: boolean
}

const EMPTY = Buffer.alloc(0)

export class Connection {
  readonly #socket: Socket
  #waiting: Waiting | undefined
  #received: Buffer = EMPTY
  #failure: Error | undefined
  /** Woken by room in the socket's buffer, by an answer that came early, and by the end. */
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#take(chunk))
    socket.on('drain', () => this.#wakeUp())
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Connection(socket))
      })
    })
  }

  /** @param head - request line and headers, each ended by CRLF, without the empty line */
  request(head: string, body?: Uint8Array): Promise<Answer> {
    const answer = this.#expect(head)
    this.#socket.cork()
    this.#socket.write(`${head}\r\n`, 'latin1')
    if (body !== undefined) this.#socket.write(body)
    this.#socket.uncork()
    return answer
  }

  /** A body of many pieces, taken as fast as the server reads; an early answer ends the sending. */
  async stream(head: string, pieces: Iterable<Uint8Array>): Promise<Answer> {
    const answer = this.#expect(head)
    // Handled below; a failure while pieces are being written must not count as nobody's.
    answer.catch(() => {})
    this.#socket.write(`${head}\r\n`, 'latin1')
    for (const piece of pieces) {
      if (this.#waiting === undefined || this.#failure !== undefined) break
      if (!this.#socket.write(piece)) await this.#drained()
    }
    return answer
  }

  /** More of the body, where `request` was given less than its head declares. */
  send(piece: Uint8Array): void {
    this.#socket.write(piece)
  }

  close(): void {
    this.#socket.destroy()
  }

  #expect(head: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      if (this.#waiting !== undefined) return reject(new Error('one request at a time'))
      this.#waiting = { resolve, reject, bodiless: head.startsWith('HEAD ') }
    })
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n')
      if (end === -1 || this.#waiting === undefined) return
      const answer = new Answer(this.#received.toString('latin1', 0, end))
      const bodyAt = end + 4
      if (answer.status < 200) {
        this.#received = this.#received.subarray(bodyAt)
        continue
      }
      const length = this.#bodyLength(answer, bodyAt)
      if (length === undefined || this.#received.length < bodyAt + length) return
      this.#received =
        this.#received.length === bodyAt + length ? EMPTY : this.#received.subarray(bodyAt + length)
      const { resolve } = this.#waiting
      this.#waiting = undefined
      resolve(answer)
      this.#wakeUp()
      return
    }
  }

  /** Undefined while a chunked body has not ended; only short ones come here, so no chunk is looked into. */
  #bodyLength(answer: Answer, bodyAt: number): number | undefined {
    if (this.#waiting?.bodiless === true || answer.status === 204 || answer.status === 304) return 0
    if (answer.header('transfer-encoding') === undefined) return Number(answer.header('content-length') ?? 0)
    const end = this.#received.indexOf('0\r\n\r\n', bodyAt)
    return end === -1 ? undefined : end + 5 - bodyAt
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#waiting?.reject(error)
    this.#waiting = undefined
    this.#wakeUp()
  }
}
