/** Which connections may be closed without taking anything from anyone. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Connections that have not said a word yet; node:http counts only those idle that had a request. */
export function trackUnused(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>()
  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('request', ({ socket }) => unused.delete(socket))
  return unused
}

/** Ends those that wait for a request. One whose request has begun to arrive gets its answer. */
export function closeIdle(server: Server, unused: ReadonlySet<Socket>): void {
  server.closeIdleConnections()
  for (const socket of unused) if (socket.bytesRead === 0) socket.destroy()
}
