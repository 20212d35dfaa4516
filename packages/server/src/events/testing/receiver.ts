/** A receiver of webhooks for tests: real HTTP on loopback, every request written down, answers as told. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { StoredEvent } from '../event.ts'

/** What PAWL_WEBHOOK_SECRET is set to. */
export const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`

interface Received {
  /** The header webhook-id. */
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly event: StoredEvent
}

/** What to do with the nth request, counted from 0; without an answer the sender is left hanging. */
export type Behaviour = (received: Received, nth: number, res: ServerResponse) => void

export const answer =
  (status: number): Behaviour =>
  (_received, _nth, res) =>
    void res.writeHead(status).end()

export interface Receiver {
  readonly url: string
  readonly port: number
  readonly received: readonly Received[]
  behave(behaviour: Behaviour): void
  close(): Promise<void>
}

export async function startReceiver(behaviour: Behaviour = answer(204), port = 0): Promise<Receiver> {
  let behave = behaviour
  const received: Received[] = []
  const verifier = new Webhook(SECRET)
  const server: Server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    try {
      const event = verifier.verify(body, req.headers as Record<string, string>) as StoredEvent
      const one: Received = { id: String(req.headers['webhook-id']), headers: req.headers, body, event }
      behave(one, received.push(one) - 1, res)
    } catch (error) {
      res.writeHead(401).end(String(error))
    }
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${bound}/hooks?from=pawl`,
    port: bound,
    received,
    behave(next) {
      behave = next
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
