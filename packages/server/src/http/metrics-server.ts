/** `/metrics` on a port of its own, open to whoever reaches it: for a network that only monitoring is in. */
import { createServer, type Server } from 'node:http'

export interface Rendered {
  readonly type: string
  readonly text: string
}

export function createMetricsServer(render: () => Promise<Rendered>): Server {
  return createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (req, res) => {
    res.setHeader('X-Content-Type-Options', 'nosniff')
    if (req.url !== '/metrics' || (req.method !== 'GET' && req.method !== 'HEAD')) {
      res.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('there is only /metrics here\n')
      return
    }
    render().then(
      ({ type, text }) => res.writeHead(200, { 'Content-Type': type }).end(text),
      // The catalog is out of reach: this scrape is lost, the next one tells.
      () => res.writeHead(503).end(),
    )
  })
}
