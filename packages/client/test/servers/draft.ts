/** A server of Resumable Uploads for HTTP with one upload, that notes what it is asked and can be made to misbehave. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Headers = Readonly<Record<string, string>>
export interface Reply {
  readonly status: number
  readonly headers?: Headers
}
interface Asked {
  readonly method: string
  readonly headers: IncomingMessage['headers']
  /** Bytes of content. */
  size: number
  /** Requests that were open when it came. */
  readonly beside: number
}

/** What a server says instead of what it would say; `n` counts the requests of a method from 0. */
export type Twist = (asked: Asked, n: number) => Reply | 'cut' | undefined

export interface Plan {
  /** In the answer to OPTIONS. */
  readonly limit?: string
  /** Sent as soon as a creating request with content comes. */
  readonly interim?: readonly Headers[]
  readonly twist?: Twist
  /** Told when content comes. */
  readonly onContent?: () => void
}

/** A server of the protocol with one upload, at `/up`. */
export async function serveDraft({ limit = 'min-size=0', interim = [], twist, onContent }: Plan = {}) {
  const asked: Asked[] = []
  const kept: Buffer[] = []
  let length = 0
  let under = 0
  const answer = (res: ServerResponse, { status, headers = {} }: Reply) =>
    void res.writeHead(status, headers).end()
  const server = createServer((req, res) => {
    const { method = '' } = req
    const one: Asked = { method, headers: req.headers, size: 0, beside: under }
    const n = asked.filter((other) => other.method === method).length
    asked.push(one)
    under++
    res.once('close', () => under--)
    const whole = method === 'POST' && req.headers['upload-complete'] === '?1'
    const announcing = interim.length > 0 && method === 'POST'
    if (announcing) for (const headers of interim) res.writeInformation(104, headers)
    const begin = Number(req.headers['upload-offset'] ?? 0)
    const keeps = whole || (method === 'PATCH' && begin === length)
    req.on('error', () => {})
    req.on('data', (chunk: Buffer) => {
      one.size += chunk.length
      onContent?.()
      if (!keeps || (whole && !announcing)) return
      kept.push(chunk)
      length += chunk.length
    })
    req.on('end', () => {
      const other = twist?.(one, n)
      if (other === 'cut') return void req.socket.destroy()
      if (other) return answer(res, other)
      const at = { 'Upload-Offset': String(length) }
      if (method === 'OPTIONS') return answer(res, { status: 204, headers: { 'Upload-Limit': limit } })
      if (method === 'HEAD') return answer(res, { status: 204, headers: { ...at, 'Upload-Complete': '?0' } })
      if (method === 'DELETE') return answer(res, { status: 204 })
      const ends = req.headers['upload-complete'] === '?1'
      const complete = { 'Upload-Complete': ends ? '?1' : '?0' }
      if (method === 'POST' && !ends)
        return answer(res, { status: 201, headers: { ...complete, Location: '/up' } })
      if (!keeps) return answer(res, { status: 409, headers: { ...at, 'Upload-Complete': '?0' } })
      answer(res, { status: ends ? 200 : 204, headers: { ...complete, ...at } })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/store`
  return {
    asked,
    taken: () => Buffer.concat(kept),
    methods: () => asked.map(({ method }) => method),
    of: (method: string) => asked.filter((one) => one.method === method),
    endpoint,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
