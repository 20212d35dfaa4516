import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Stands between the browser and the server and counts the bytes of bodies that really arrive. */
export interface Proxy {
  readonly url: string
  /** Bytes of PATCH bodies so far. */
  readonly bytes: number
  /** Requests so far, by method. */
  readonly requests: Readonly<Record<string, number>>
  /** Answers itself instead of passing on: return a status, or undefined to pass on. */
  answer: ((method: string, url: string) => number | undefined) | undefined
  /** Whose answers it keeps to itself: the server has the request, the browser waits. `end`: of its bytes in the upload. */
  swallows: ((method: string, end: number) => boolean) | undefined
  /** Answers kept so far. */
  readonly swallowed: number
  close(): Promise<void>
}

export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const requests: Record<string, number> = {}
  let bytes = 0
  let swallowed = 0
  const server = createServer({ requestTimeout: 0 }, (incoming, outgoing) => {
    const method = incoming.method ?? ''
    requests[method] = (requests[method] ?? 0) + 1
    const status = proxy.answer?.(method, incoming.url ?? '')
    if (status !== undefined) {
      outgoing.writeHead(status, { 'Retry-After': '0', Connection: 'close' }).end()
      return
    }
    const onward = request(
      { hostname, port, method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        const { 'upload-offset': offset, 'content-length': length } = incoming.headers
        if (proxy.swallows?.(method, Number(offset) + Number(length))) {
          swallowed += 1
          return void answer.resume()
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    if (method === 'PATCH') incoming.on('data', (chunk: Buffer) => (bytes += chunk.length))
    incoming.pipe(onward)
    // Whichever side breaks, the other one learns of it.
    incoming.on('close', () => {
      if (!incoming.complete) onward.destroy()
    })
    onward.on('error', () => outgoing.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: undefined,
    swallows: undefined,
    get swallowed() {
      return swallowed
    },
    get bytes() {
      return bytes
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
