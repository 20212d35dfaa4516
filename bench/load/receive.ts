/** A download that costs the client next to nothing: one buffer, in which every read lands; nothing is kept. */
import { connect } from 'node:net'

const READ_BYTES = 256 * 1024

/** Resolves to how many bytes the body had. @throws Error when the answer is not 200, or its body ends early */
export function receive(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let head = ''
    let bodyAt = 0
    let received = 0
    let length = Number.POSITIVE_INFINITY
    const take = (bytes: number, buffer: Uint8Array): boolean => {
      received += bytes
      if (bodyAt === 0) {
        head += Buffer.from(buffer.buffer, buffer.byteOffset, bytes).toString('latin1')
        const end = head.indexOf('\r\n\r\n')
        if (end === -1) return true
        bodyAt = end + 4
        length = Number(/\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end))?.[1])
        if (!head.startsWith('HTTP/1.1 200 '))
          socket.destroy(new Error(`GET was answered: ${head.slice(0, 200)}`))
      }
      if (received - bodyAt >= length) {
        socket.destroy()
        resolve(received - bodyAt)
      }
      return true
    }
    const socket = connect({
      port,
      host: '127.0.0.1',
      onread: { buffer: Buffer.alloc(READ_BYTES), callback: take },
    })
    socket.on('error', reject)
    socket.on('close', () =>
      reject(new Error(`the body ended after ${received - bodyAt} bytes of ${length}`)),
    )
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  })
}
