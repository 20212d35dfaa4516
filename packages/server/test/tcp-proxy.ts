/** Stands between client and server at the level of connections: counts, slows down and cuts. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TcpProxy {
  readonly url: string
  /** Bytes that were passed on towards the server so far, headers included. */
  readonly bytes: number
  /** Bytes per second towards the server; 0 for no limit. */
  rate: number
  /** Answers are thrown away instead of passed back. */
  swallowAnswers: boolean
  /** Answers wait, in the proxy, until this resolves. */
  holdAnswers: Promise<void> | undefined
  /** New connections are ended at once. */
  refuses: boolean
  /** Ends every connection at once. */
  cut(): void
  close(): Promise<void>
}

export async function startTcpProxy(port: number, rate = 0): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let bytes = 0
  /** When the bytes that were passed on would have arrived at the wanted rate. */
  let due = performance.now()

  const pace = async (count: number): Promise<void> => {
    if (proxy.rate === 0) return
    due = Math.max(due, performance.now() - 20) + (count / proxy.rate) * 1000
    const early = due - performance.now()
    if (early > 2) await sleep(early)
  }
  const passDown = (server: Socket, client: Socket): void => {
    const pass = (chunk: Buffer): void => {
      if (proxy.swallowAnswers || client.destroyed || client.write(chunk)) return
      server.pause()
      client.once('drain', () => server.resume())
    }
    server.on('data', (chunk: Buffer) => {
      const held = proxy.holdAnswers
      if (held === undefined) return pass(chunk)
      server.pause()
      void held.then(() => {
        server.resume()
        pass(chunk)
      })
    })
    // What the server said before it closed still gets through.
    server.on('end', () => client.end())
    server.on('close', () => client.end())
    server.on('error', () => client.end())
  }
  const passUp = async (client: Socket, server: Socket): Promise<void> => {
    for await (const chunk of client as AsyncIterable<Buffer>) {
      await pace(chunk.byteLength)
      if (server.destroyed) return
      bytes += chunk.byteLength
      if (!server.write(chunk)) await drained(server)
    }
    server.end()
  }
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const listener = createServer((client) => {
    if (proxy.refuses) return void client.destroy()
    const server = connect(port, '127.0.0.1')
    keep(client)
    keep(server)
    client.on('close', () => server.destroy())
    passDown(server, client)
    passUp(client, server).catch(() => server.destroy())
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('no port was bound')
  const proxy: TcpProxy = {
    url: `http://127.0.0.1:${address.port}`,
    get bytes() {
      return bytes
    },
    rate,
    swallowAnswers: false,
    holdAnswers: undefined,
    refuses: false,
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      proxy.cut()
      listener.close()
      await once(listener, 'close')
    },
  }
  return proxy
}

async function drained(socket: Socket): Promise<void> {
  const done = new AbortController()
  const events = ['drain', 'close'].map((name) => once(socket, name, { signal: done.signal }))
  await Promise.race(events).finally(() => done.abort())
}
