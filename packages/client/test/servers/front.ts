/**
 * A server behind a front that has rules of its own: what a service demands beyond the protocol, its credentials, and
 * the faults of the road. The uploads are the server's, real ones.
 */
import { request } from 'node:http'
import {
  type Asked,
  type Call,
  type Emulator,
  listen,
  type Provider,
  Refused,
  type Reply,
} from '@pawl/emulators/listen'

interface FrontRules {
  callOf: Provider['callOf']
  refusal: Provider['refusal']
  /**
   * Looks at a request; throws `Refused` for what the service would not take. Resolves to what the server behind is
   * asked instead, or to an answer of the service's own.
   */
  rules(asked: Asked): Onward | Reply | Promise<Onward | Reply>
  /** Changes an answer on its way back. */
  back?(reply: Reply, asked: Asked): Reply
  /** With these the server is asked how far an upload is. Default: those of tus. */
  readonly look?: Readonly<Record<string, string>>
}

interface Onward {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: Buffer
}

export interface Front extends Emulator {
  /** Uploads that the server holds, and are not complete. */
  openSessions(): Promise<number>
  /** Unfinished uploads are gone from now on. */
  expireSessions(): void
}

/** Headers that belong to one connection. */
const HOP = ['connection', 'keep-alive', 'transfer-encoding']

/** @param behind Origin of the server. */
export async function startFront(
  behind: string,
  { callOf, refusal, rules, back, look = { 'tus-resumable': '1.0.0' } }: FrontRules,
): Promise<Front> {
  const created = new Set<string>()
  const expired = new Set<string>()

  const emulator = await listen({
    callOf,
    refusal,
    answer: async (asked) => {
      const to = await rules(asked)
      if (!('path' in to)) return to
      if (expired.has(to.path)) throw new Refused({ status: 404 })
      const reply = await pass(behind, asked, to)
      const { location } = reply.headers ?? {}
      if (reply.status === 201 && location !== undefined) created.add(new URL(location, behind).pathname)
      return back ? back(reply, asked) : reply
    },
  })
  return Object.assign(emulator, {
    openSessions: async () => {
      let open = 0
      for (const path of created) {
        if (expired.has(path)) continue
        const { headers } = await fetch(behind + path, { method: 'HEAD', headers: look })
        if (Number(headers.get('upload-offset')) < Number(headers.get('upload-length'))) open++
      }
      return open
    },
    expireSessions: () => {
      for (const path of created) expired.add(path)
    },
  })
}

/** Asks the server. A body that broke off breaks off there too: resolves when the server is over it. */
async function pass(behind: string, asked: Asked, onward: Onward): Promise<Reply> {
  const reply = await send(behind, asked, onward)
  const speaksTus = asked.headers['tus-resumable'] !== undefined
  if (speaksTus && asked.method === 'PATCH' && !asked.whole) await letGo(behind + onward.path)
  return reply
}

/**
 * Bytes that arrived are still being written when their connection is gone. Who comes back meanwhile is shown an
 * offset that moves, and refused at it: right, but how often is a matter of luck, and tests count what a fault costs.
 * At no upload's offset nothing is sent; until its writer let go the server asks for patience instead.
 */
async function letGo(url: string): Promise<void> {
  const headers = {
    'tus-resumable': '1.0.0',
    'content-type': 'application/offset+octet-stream',
    'upload-offset': String(Number.MAX_SAFE_INTEGER),
  }
  for (;;) {
    const response = await fetch(url, { method: 'PATCH', headers })
    if (!response.headers.has('retry-after')) return
  }
}

function send(behind: string, { method, headers, body, whole }: Asked, onward: Onward): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const sent = Object.entries({ ...headers, ...onward.headers }).filter(
    ([name, value]) => value !== undefined && !HOP.includes(name),
  )
  const outgoing = request(behind + onward.path, {
    method: onward.method ?? method,
    headers: Object.fromEntries(sent),
    agent: false,
  })
  outgoing.on('response', async (response) => {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    const told = Object.entries(response.headersDistinct).filter(([name]) => !HOP.includes(name))
    resolve({
      status: response.statusCode ?? 502,
      headers: Object.fromEntries(told.map(([name, values]) => [name, values?.join(', ') ?? ''])),
      body: Buffer.concat(chunks),
    })
  })
  outgoing.on('error', whole ? reject : () => resolve({}))
  if (whole) outgoing.end(onward.body ?? body)
  // Only this side ends: that the server ends the other one says that it saw the break.
  else outgoing.write(body, () => outgoing.socket?.end())
  return promise
}

/** What requests of tus are about. */
export function tusCall(method: string): Call {
  switch (method) {
    case 'POST':
      return 'begin'
    case 'PATCH':
      return 'send'
    case 'HEAD':
      return 'probe'
    case 'DELETE':
      return 'discard'
  }
  return 'other'
}
