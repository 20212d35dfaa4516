/** Servers to import from, that do as they are told. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from 'vitest'

/** What a source does with each request, in turn; the last one for all that follow. */
export type Step = (req: IncomingMessage, res: ServerResponse) => void

export interface Source {
  readonly url: string
  readonly port: number
  readonly requests: IncomingMessage['headers'][]
}

const ended: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

/** Ends with the test. */
export async function source(steps: Step | readonly Step[], address = '127.0.0.1'): Promise<Source> {
  const list = [steps].flat()
  const requests: IncomingMessage['headers'][] = []
  const server = createServer((req, res) => {
    const step = list[Math.min(requests.length, list.length - 1)]
    requests.push(req.headers)
    step?.(req, res)
  })
  server.listen(0, address)
  await once(server, 'listening')
  ended.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://${address}:${port}/some/file.txt`, port, requests }
}

export const status =
  (code: number, headers: Record<string, string> = {}): Step =>
  (_req, res) =>
    void res.writeHead(code, headers).end()
