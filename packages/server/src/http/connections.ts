/** Which connections may be closed without taking anything from anyone. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Slots } from '../slot-map.ts'

/** Those that are open. */
export function trackConnections(server: Server): Iterable<Socket> {
  const open = new Slots<Socket>()
  server.on('connection', (socket) => {
    const place = open.add(socket)
    socket.once('close', () => open.remove(place))
  })
  return open
}

/** Ends those that wait for a request. One whose request has begun to arrive gets its answer. */
export function closeIdle(server: Server, connections: Iterable<Socket>): void {
  server.closeIdleConnections()
  // node:http counts only those idle that had a request.
  for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
}
