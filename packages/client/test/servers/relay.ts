/**
 * A bad road of TCP to a server that runs here: connections break, fall silent or are slow when as many bytes of the
 * client's came through as a test says. What travels is not looked at, but for the answers of an FTP server that name
 * a port for data: those lead over the road too.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export type Breakdown =
  /** Every connection breaks. */
  | 'cut'
  /** The next thing that the server says is lost, and every connection with it. */
  | 'lost answer'
  /** Nothing comes through any more. The server gives a connection up a while after the client did. */
  | 'silence'

export interface Relay {
  readonly port: number
  /** What happens, once, when so many bytes more came through. */
  breakAfter(bytes: number, how: Breakdown): void
  /** Whether it has happened. */
  readonly broken: boolean
  /** Where the byte is, of all that the client sends, that is changed on its way. */
  damageAt: number | undefined
  /** So many connections are refused. */
  refuse: number
  /** Of what the client sends. */
  bytesPerSecond: number | undefined
  close(): Promise<void>
}

/** Milliseconds that a slow road may make up for: idle time is not saved. */
const LATE = 100
/** Milliseconds after which the server gives up a connection that its client has left in silence. */
const GIVES_UP = 1500

/** @param to The port of the server. */
export async function startRelay(to: number): Promise<Relay> {
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  const silent = new Set<Socket>()
  let planned: { readonly at: number; readonly how: Breakdown } | undefined
  let passed = 0
  let loseNext = false

  function breakDown(how: Breakdown): void {
    if (how === 'cut') for (const socket of sockets) socket.destroy()
    else if (how === 'silence') for (const socket of sockets) silent.add(socket)
    else loseNext = true
  }

  /** Bytes of the client: as many as may pass, in their time. */
  function onward(from: Socket, server: Socket): void {
    let free = performance.now()
    from.on('data', (chunk) => {
      if (silent.has(from)) return
      const damaged = (relay.damageAt ?? -1) - passed
      if (damaged >= 0 && damaged < chunk.length) chunk[damaged] = ~(chunk[damaged] ?? 0)
      const room = planned === undefined ? chunk.length : Math.max(0, planned.at - passed)
      const now = chunk.subarray(0, room)
      passed += now.length
      server.write(now)
      if (planned !== undefined && passed >= planned.at) {
        const { how } = planned
        planned = undefined
        // What came through has to get there, or nothing would have.
        if (how === 'cut') {
          for (const socket of sockets) socket.pause()
          server.write('', () => breakDown(how))
          return
        }
        breakDown(how)
        if (!silent.has(from)) server.write(chunk.subarray(room))
      }
      if (relay.bytesPerSecond === undefined) return
      // By the clock: timers that come late do not add up.
      free = Math.max(free, performance.now() - LATE) + (chunk.length / relay.bytesPerSecond) * 1000
      from.pause()
      setTimeout(() => from.resume(), free - performance.now())
    })
    from.on('end', () => {
      if (silent.has(from)) setTimeout(() => from.destroy(), GIVES_UP)
      else server.end()
    })
  }

  function back(from: Socket, client: Socket, says: (chunk: Buffer) => Promise<Buffer>): void {
    let order = Promise.resolve()
    from.on('data', (chunk) => {
      if (silent.has(from)) return
      if (loseNext) {
        loseNext = false
        breakDown('cut')
        return
      }
      order = order.then(async () => void client.write(await says(chunk))).catch(() => void client.destroy())
    })
    from.on('end', () => void order.then(() => silent.has(from) || client.end()))
  }

  async function lead(port: number, says: (chunk: Buffer) => Promise<Buffer>): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (client) => {
      if (relay.refuse > 0) {
        relay.refuse--
        client.destroy()
        return
      }
      const behind = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      for (const [one, other] of [
        [client, behind],
        [behind, client],
      ] as const) {
        sockets.add(one)
        one.on('error', () => {})
        one.on('close', () => {
          sockets.delete(one)
          other.destroy()
        })
      }
      onward(client, behind)
      back(behind, client, says)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  /** `229 … (|||port|)` of EPSV (RFC 2428). */
  async function withOwnPort(chunk: Buffer): Promise<Buffer> {
    const [named, port] = /\(\|\|\|(\d+)\|\)/.exec(chunk.toString('latin1')) ?? []
    if (named === undefined) return chunk
    const own = await lead(Number(port), async (data) => data)
    return Buffer.from(chunk.toString('latin1').replace(named, `(|||${own}|)`), 'latin1')
  }

  const relay: Relay = {
    port: 0,
    damageAt: undefined,
    refuse: 0,
    bytesPerSecond: undefined,
    breakAfter: (bytes, how) => {
      planned = { at: passed + bytes, how }
    },
    get broken() {
      return planned === undefined && !loseNext
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
  return Object.assign(relay, { port: await lead(to, withOwnPort) })
}
