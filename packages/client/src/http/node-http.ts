/**
 * HTTP over `node:http`, for Node, Bun and Deno. The modules are looked up at run time, so that bundlers for
 * browsers need not know them.
 */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import type { Call, Payload } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { noAnswer } from './failure.ts'
import type { HttpRequest, HttpResponse } from './http.ts'

type Wire = typeof import('node:http') | typeof import('node:https')

const agents = new Map<string, Agent>()

/** Makes the request, streaming its body block by block. */
export async function request(request: HttpRequest, call: Call): Promise<HttpResponse> {
  call.signal.throwIfAborted()
  const url = new URL(request.url)
  const wire = wireOf(url.protocol)
  const { promise: answer, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const outgoing = wire.request(url, {
    method: request.method,
    headers: {
      ...request.headers,
      ...(request.trailers
        ? { 'transfer-encoding': 'chunked' }
        : { 'content-length': String(sizeOf(request.body)) }),
    },
    agent: agentOf(url.protocol, wire),
  })
  outgoing.on('response', resolve)
  outgoing.on('error', reject)
  const { onInformation } = request
  if (onInformation) {
    outgoing.on('information', ({ statusCode, headers }) =>
      onInformation({ status: statusCode, header: (name) => headers[name.toLowerCase()]?.toString() }),
    )
    outgoing.flushHeaders()
  }
  const end = () => outgoing.destroy(new Error('ended by the caller'))
  call.signal.addEventListener('abort', end, { once: true })
  try {
    const gone = answer.then(
      () => 'answered' as const,
      () => 'failed' as const,
    )
    await sendBody(outgoing, request, call, gone)
    const response = await answer
    call.touch()
    const { statusCode: status = 0, headersDistinct: headers } = response
    const streamed = request.stream === true && status < 300
    const text = streamed ? '' : await textOf(response, call)
    // An answer before the whole body was taken: the rest of it must not be waited for.
    if (!outgoing.writableFinished) outgoing.destroy()
    return {
      status,
      header: (name) => headers[name.toLowerCase()]?.join(', '),
      headers: () => Object.entries(headers).map(([name, values]) => [name, values?.join(', ') ?? '']),
      text: async () => text,
      ...(streamed ? { stream: streamOf(response) } : {}),
    }
  } catch (error) {
    outgoing.destroy()
    call.signal.throwIfAborted()
    throw error instanceof FilesError ? error : noAnswer(request.method, request.url, error)
  } finally {
    call.signal.removeEventListener('abort', end)
  }
}

async function sendBody(
  outgoing: ClientRequest,
  { body, trailers }: HttpRequest,
  call: Call,
  gone: Promise<'answered' | 'failed'>,
): Promise<void> {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    outgoing.end(body)
    return
  }
  let over = false
  gone.then(() => {
    over = true
  })
  const blocks = body.blocks({ reuse: true })[Symbol.asyncIterator]()
  for (;;) {
    // A body may be waited for: an answer that comes before is one to what was said without it.
    const next = await Promise.race([blocks.next(), gone])
    if (over || typeof next === 'string' || next.done) break
    const block = next.value
    // Waited for always: only then the block has left, and its memory may hold the next one.
    await Promise.race([written(outgoing, block), gone])
    call.touch()
  }
  if (!over) {
    if (trailers) outgoing.addTrailers({ ...trailers() })
    outgoing.end()
    return
  }
  // It may be waiting for a body that nobody wants any more.
  void blocks.return?.().catch(() => {})
}

function written(outgoing: ClientRequest, block: Uint8Array): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  outgoing.write(block, () => resolve())
  return promise
}

async function textOf(response: IncomingMessage, call: Call): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response) {
    call.touch()
    if (chunk instanceof Uint8Array) chunks.push(chunk)
  }
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return new TextDecoder().decode(bytes)
}

function streamOf(response: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = response.iterator()
  return new ReadableStream({
    pull: async (controller) => {
      const { done, value } = await chunks.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: () => {
      response.destroy()
    },
  })
}

function sizeOf(body: HttpRequest['body']): number {
  if (body === undefined) return 0
  if (typeof body === 'string') return new TextEncoder().encode(body).length
  return body instanceof Uint8Array ? body.length : (body satisfies Payload).size
}

function wireOf(protocol: string): Wire {
  const wire = globalThis.process.getBuiltinModule(protocol === 'https:' ? 'node:https' : 'node:http')
  if (protocol === 'https:' || protocol === 'http:') return wire
  throw new FilesError('NotSupported', `${protocol} is no protocol to upload over`)
}

/** One pool of connections per protocol: idle ones do not keep the process alive. */
function agentOf(protocol: string, wire: Wire): Agent {
  const agent = agents.get(protocol) ?? new wire.Agent({ keepAlive: true, maxFreeSockets: 16 })
  agents.set(protocol, agent)
  return agent
}
