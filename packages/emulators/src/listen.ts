/**
 * HTTP for emulators: whole requests in, answers out, and the faults of the road in between. A fault is decided
 * by the test, never by the emulator, and is the same for every provider.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a request is about, in the words of an upload. */
export type Call = 'begin' | 'send' | 'probe' | 'finish' | 'discard' | 'other'

export interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** False: the connection broke in the middle of the body. */
  readonly whole: boolean
}

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

export type Fault =
  /** The work is done; the connection breaks before the answer. */
  | 'lost answer'
  /** The connection breaks when half of the body has arrived. */
  | 'partial write'
  /** One byte of the body arrives as another. */
  | 'damage'
  /** Nothing is done: something in between answers with a page of its own, and status 200. */
  | 'page'
  /** Nothing is done. `retryAfter` in seconds. */
  | { readonly status: 403 | 429 | 500 | 503; readonly retryAfter?: number }

export interface Emulator {
  readonly endpoint: string
  /** Every request, in order. */
  readonly requests: (Omit<Asked, 'body'> & { readonly call: Call; readonly size: number })[]
  /** Decides whether something goes wrong with a request. `index` counts the requests of its kind from 0. */
  inject: (call: Call, index: number) => Fault | undefined | Promise<Fault | undefined>
  /** Holds a request back, its body read, until this resolves. */
  hold: (call: Call, index: number) => Promise<void> | undefined
  /** Bytes a second that bodies are read at. */
  bytesPerSecond: number | undefined
  close(): Promise<void>
}

/** An answer that is thrown: how handlers refuse. */
export class Refused extends Error {
  readonly reply: Reply
  constructor(reply: Reply) {
    super(`refused with ${reply.status}`)
    this.reply = reply
  }
}

export interface Provider {
  callOf(asked: Omit<Asked, 'body' | 'whole'>): Call
  /** Does the work. Also called with what arrived of a broken body: then nobody hears the answer. */
  answer(asked: Asked): Reply | Promise<Reply>
  /** How the provider words an answer without work. */
  refusal(status: number): Reply
}

export async function listen(provider: Provider): Promise<Emulator> {
  const counts = new Map<Call, number>()
  // A connection that the server closes first, on a busy machine, fails the request that was just sent on it.
  const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    serve(request, response).catch(() => response.destroy())
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', emulator.endpoint)
    const head = { method: request.method ?? 'GET', url, headers: request.headers }
    const call = provider.callOf(head)
    const index = counts.get(call) ?? 0
    counts.set(call, index + 1)
    const fault = await emulator.inject(call, index)
    const cutAt = fault === 'partial write' ? Number(request.headers['content-length'] ?? 0) / 2 : undefined
    const { body, whole } = await readBody(request, cutAt, emulator.bytesPerSecond)
    await emulator.hold(call, index)
    emulator.requests.push({ ...head, call, size: body.length, whole })
    if (fault === 'damage' && body.length > 0) body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1
    const reply =
      fault === 'page'
        ? { headers: { 'content-type': 'text/html' }, body: '<html><body>Welcome</body></html>' }
        : typeof fault === 'object'
          ? withRetryAfter(provider.refusal(fault.status), fault.retryAfter)
          : await answer()
    if (!whole || fault === 'lost answer') {
      response.destroy()
      return
    }
    response
      .writeHead(reply.status ?? 200, reply.headers)
      .end(head.method === 'HEAD' ? undefined : reply.body)

    async function answer(): Promise<Reply> {
      try {
        return await provider.answer({ ...head, body, whole })
      } catch (error) {
        if (error instanceof Refused) return error.reply
        throw error
      }
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const emulator: Emulator = {
    endpoint: `http://127.0.0.1:${port}`,
    requests: [],
    inject: () => undefined,
    hold: () => undefined,
    bytesPerSecond: undefined,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return emulator
}

/** What arrives of a body, up to `cutAt` bytes. */
async function readBody(
  request: IncomingMessage,
  cutAt: number | undefined,
  bytesPerSecond: number | undefined,
): Promise<{ body: Buffer; whole: boolean }> {
  const chunks: Buffer[] = []
  let size = 0
  let whole = cutAt === undefined
  const began = performance.now()
  try {
    for await (const chunk of request) {
      chunks.push(chunk)
      size += chunk.length
      // By the clock: timers that come late do not add up.
      if (bytesPerSecond !== undefined)
        await sleep(Math.max(0, began + (size / bytesPerSecond) * 1000 - performance.now()))
      if (cutAt !== undefined && size >= cutAt) break
    }
  } catch {
    whole = false
  }
  const body = Buffer.concat(chunks)
  return { body: cutAt === undefined ? body : body.subarray(0, Math.floor(cutAt)), whole }
}

function withRetryAfter(reply: Reply, seconds: number | undefined): Reply {
  if (seconds === undefined) return reply
  return { ...reply, headers: { ...reply.headers, 'retry-after': String(seconds) } }
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  }
}
