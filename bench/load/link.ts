/**
 * A long, narrow and lossy line: a TCP proxy that delays what it carries, carries only so much, stalls now and then
 * as a lost packet makes it, and breaks the connection now and then. Always at the same bytes for the same seed.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { seededRandom } from '../statistics.ts'

export interface Line {
  readonly bytesPerSecond: number
  /** There and back. */
  readonly roundTripMs: number
  /** Bytes from one stall to the next, about. */
  readonly stallEvery: number
  readonly stallMs: number
  /** Bytes from one broken connection to the next, about. */
  readonly breakEvery: number
  readonly seed: number
}

export interface Link {
  readonly port: number
  close(): void
}

/** What a router holds beside what is on its way. */
const QUEUE = 256 * 1024

/** Does things at their times, and in the order in which they were given: timers do not promise that. */
function inOrder(): (at: number, what: () => void) => void {
  const waiting: { readonly at: number; readonly what: () => void }[] = []
  const turn = (): void => {
    while (waiting[0] !== undefined && waiting[0].at <= performance.now()) waiting.shift()?.what()
    if (waiting[0] !== undefined) setTimeout(turn, waiting[0].at - performance.now())
  }
  return (at, what) => {
    waiting.push({ at, what })
    if (waiting.length === 1) setTimeout(turn, at - performance.now())
  }
}

export async function openLink(line: Line, target: number): Promise<Link> {
  const random = seededRandom(line.seed)
  /** Between half and one and a half of it. */
  const about = (bytes: number): number => bytes * (0.5 + random())
  const way = line.roundTripMs / 2
  let untilStall = about(line.stallEvery)
  let untilBreak = about(line.breakEvery)
  /** When the line has carried what was given to it: all connections share it. */
  let freeAt = 0
  const sockets = new Set<Socket>()

  const server = createServer((client) => {
    const upstream = connect({ port: target, host: '127.0.0.1' })
    const end = (): void => {
      for (const socket of [client, upstream]) {
        sockets.delete(socket)
        socket.destroy()
      }
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      // What ends it is told by 'close'.
      socket.on('error', () => {})
    }
    const [there, back] = [inOrder(), inOrder()]
    let under = 0
    client.on('data', (chunk: Buffer) => {
      untilStall -= chunk.length
      untilBreak -= chunk.length
      if (untilBreak <= 0) {
        untilBreak = about(line.breakEvery)
        return end()
      }
      freeAt = Math.max(freeAt, performance.now()) + (chunk.length / line.bytesPerSecond) * 1000
      if (untilStall <= 0) {
        untilStall = about(line.stallEvery)
        freeAt += line.stallMs
      }
      under += chunk.length
      if (under > QUEUE + (line.bytesPerSecond * way) / 1000) client.pause()
      there(freeAt + way, () => {
        under -= chunk.length
        upstream.write(chunk)
        client.resume()
      })
    })
    upstream.on('data', (chunk) => back(performance.now() + way, () => client.write(chunk)))
    // An answer that is on its way arrives before the end of its connection.
    upstream.on('close', () => back(performance.now() + way, end))
    client.on('close', end)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
