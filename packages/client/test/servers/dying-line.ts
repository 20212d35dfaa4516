/** A line that dies after so many bytes: what comes later is lost, and nobody is told, as when a phone loses its network. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface DyingLine {
  readonly url: string
  /** Bytes that reached the server so far, headers included. */
  readonly bytes: number
  /** Resolves when a client closes a connection that bytes were lost on. */
  readonly left: Promise<void>
  /** From now on nothing is lost. */
  revive(): void
  close(): Promise<void>
}

/** @param most Bytes of all connections together. */
export async function startDyingLine(target: string, most: number): Promise<DyingLine> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const left = Promise.withResolvers<void>()
  let limit = most
  let bytes = 0

  const listener = createServer((client) => {
    const server = connect(Number(port), hostname)
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    let broken = false
    client.on('data', (chunk: Buffer) => {
      if (broken) return
      const through = chunk.subarray(0, limit - bytes)
      broken = through.byteLength < chunk.byteLength
      bytes += through.byteLength
      server.write(through)
    })
    client.on('close', () => {
      if (broken) left.resolve()
      // What went through still arrives.
      server.end()
    })
    server.pipe(client)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get bytes() {
      return bytes
    },
    left: left.promise,
    revive: () => {
      limit = Number.POSITIVE_INFINITY
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
