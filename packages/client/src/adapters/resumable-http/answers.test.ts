/** What the adapter makes of answers that Pawl's server does not give: other servers may. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { Files } from '../../files.ts'
import { resumableHttp } from './resumable-http.ts'

interface Asked {
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

let server: Server | undefined
const asked: Asked[] = []
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  asked.length = 0
})

type Answer = (asked: Asked, res: ServerResponse, req: IncomingMessage) => void

async function serve(answer: Answer): Promise<string> {
  return listen((req, res) => {
    const chunks: Buffer[] = []
    req.on('error', () => {})
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const one = { method: req.method ?? '', headers: req.headers, body: Buffer.concat(chunks) }
      asked.push(one)
      answer(one, res, req)
    })
  })
}

async function listen(handler: RequestListener): Promise<string> {
  const started = createServer(handler)
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/store`
}

const upload = (endpoint: string, size: number) => {
  const body = randomBytes(size)
  const files = new Files({
    adapter: resumableHttp({ endpoint, creation: 'careful' }),
    retries: { max: 5, backoff: () => 1 },
  })
  return { body, done: files.upload('a', body) }
}

/** A server of this protocol that takes parts of at most `most` bytes. */
function store(most: number, limit: string): { taken: () => Buffer; answer: Answer } {
  let taken = Buffer.alloc(0)
  return {
    taken: () => taken,
    answer: ({ method, headers, body }, res) => {
      if (method === 'OPTIONS') return void res.writeHead(204, { 'Upload-Limit': limit }).end()
      if (method === 'POST')
        return void res.writeHead(201, { Location: '/up', 'Upload-Complete': '?0' }).end()
      if (method === 'HEAD')
        return void res.writeHead(204, { 'Upload-Offset': taken.length, 'Upload-Complete': '?0' }).end()
      if (Number(headers['upload-offset']) !== taken.length)
        return void res.writeHead(409, { 'Upload-Offset': taken.length, 'Upload-Complete': '?0' }).end()
      if (body.length > most) return void res.writeHead(413).end()
      taken = Buffer.concat([taken, body])
      const done = headers['upload-complete'] === '?1'
      res.writeHead(done ? 200 : 204, { 'Upload-Complete': done ? '?1' : '?0' }).end()
    },
  }
}

describe('a server that does not know this protocol', () => {
  it('gets an ordinary upload, in one request', async () => {
    const endpoint = await serve(
      ({ method }, res) => void res.writeHead(method === 'OPTIONS' ? 404 : 200).end('ok'),
    )
    const { body, done } = upload(endpoint, 3_000_000)
    expect((await done).url).toBe(endpoint)
    expect(asked.map(({ method }) => method)).toEqual(['OPTIONS', 'POST'])
    expect(asked[1]?.headers['upload-complete']).toBe('?1')
    expect(same(asked[1]?.body, body)).toBe(true)
  })

  it('that refuses is believed', async () => {
    const endpoint = await serve(
      ({ method }, res) => void res.writeHead(method === 'OPTIONS' ? 404 : 403).end('no'),
    )
    await expect(upload(endpoint, 10).done).rejects.toMatchObject({ code: 'Unauthorized', status: 403 })
  })
})

describe('Upload-Limit', () => {
  it('max-append-size: no request is larger, and what is not the end says so', async () => {
    const { taken, answer } = store(1000, 'max-append-size=1000')
    const { body, done } = upload(await serve(answer), 4500)
    await done
    expect(same(taken(), body)).toBe(true)
    const parts = asked.filter(({ method }) => method === 'PATCH')
    expect(parts.map((part) => part.body.length)).toEqual([1000, 1000, 1000, 1000, 500])
    expect(parts.map(({ headers }) => headers['upload-complete'])).toEqual(['?0', '?0', '?0', '?0', '?1'])
  })

  it('max-size: a larger body is refused before anything is created', async () => {
    const { answer } = store(1000, 'max-size=10')
    await expect(upload(await serve(answer), 11).done).rejects.toMatchObject({ code: 'QuotaExceeded' })
    expect(asked.map(({ method }) => method)).toEqual(['OPTIONS'])
  })

  it('that is not told: after a 413 less is sent, until it passes', async () => {
    const { taken, answer } = store(2000, 'min-size=0')
    const { body, done } = upload(await serve(answer), 9000)
    await done
    expect(same(taken(), body)).toBe(true)
  })

  it('min-append-size: after a 413 at the least there is, it is given up', async () => {
    const { answer } = store(10, 'min-append-size=5000')
    await expect(upload(await serve(answer), 9000).done).rejects.toMatchObject({ status: 413 })
  })
})

describe('an answer to an append', () => {
  it('409 with an offset: goes on there', async () => {
    const { taken, answer } = store(1e9, 'min-size=0')
    let lied = false
    const endpoint = await serve((one, res, req) => {
      if (one.method === 'PATCH' && !lied) {
        lied = true
        return void res.writeHead(409, { 'Upload-Offset': '0', 'Upload-Complete': '?0' }).end()
      }
      answer(one, res, req)
    })
    const { body, done } = upload(endpoint, 5000)
    await done
    expect(same(taken(), body)).toBe(true)
  })

  it.each([429, 503, 500])('%d: waits, looks where it stands, and goes on', async (status) => {
    const { taken, answer } = store(1e9, 'min-size=0')
    let refused = 0
    const endpoint = await serve((one, res, req) => {
      if (one.method === 'PATCH' && refused++ < 2)
        return void res.writeHead(status, { 'Retry-After': '0' }).end()
      answer(one, res, req)
    })
    const { body, done } = upload(endpoint, 5000)
    await done
    expect(same(taken(), body)).toBe(true)
    expect(asked.map(({ method }) => method)).toContain('HEAD')
  })

  it.each([400, 500])('%d with Upload-Complete: ?1 is the target speaking: it is final', async (status) => {
    const { answer } = store(1e9, 'min-size=0')
    const endpoint = await serve((one, res, req) => {
      if (one.method === 'PATCH')
        return void res.writeHead(status, { 'Upload-Complete': '?1' }).end('not wanted')
      answer(one, res, req)
    })
    await expect(upload(endpoint, 5000).done).rejects.toMatchObject({ status, retryable: false })
    expect(asked.filter(({ method }) => method === 'PATCH')).toHaveLength(1)
  })

  it('404: asks, and only then believes that the upload is gone', async () => {
    const { answer } = store(1e9, 'min-size=0')
    const endpoint = await serve((one, res, req) => {
      if (one.method === 'PATCH' || one.method === 'HEAD') return void res.writeHead(404).end()
      answer(one, res, req)
    })
    await expect(upload(endpoint, 5000).done).rejects.toMatchObject({ code: 'SessionGone' })
    expect(asked.map(({ method }) => method)).toContain('HEAD')
  })
})

describe('104', () => {
  it('of another interop version, or none, is ignored; an upload elsewhere is not followed', async () => {
    const bytes = randomBytes(5000)
    for (const [headers, fails] of [
      [{ Location: '/up' }, false],
      [{ Location: '/up', 'Upload-Draft-Interop-Version': '7' }, false],
      [{ Location: 'http://elsewhere.example/up', 'Upload-Draft-Interop-Version': '8' }, true],
    ] as const) {
      server?.close()
      const endpoint = await listen((req, res) => {
        if (req.method === 'OPTIONS') return void res.writeHead(204, { 'Upload-Limit': 'min-size=0' }).end()
        if (req.method === 'POST' && req.headers['upload-complete'] === '?1')
          return res.writeInformation(104, headers)
        req.resume()
        if (req.method === 'POST') return void res.writeHead(201, { Location: '/careful' }).end()
        req.on('end', () => res.writeHead(200, { 'Upload-Complete': '?1', 'X-At': req.url }).end())
      })
      const files = new Files({
        adapter: resumableHttp({ endpoint, result: ({ header }) => ({ url: header('x-at') ?? '' }) }),
        retries: 0,
      })
      const done = files.upload('a', bytes)
      if (fails) await expect(done).rejects.toMatchObject({ code: 'Unauthorized' })
      else expect((await done).url).toBe('/careful')
      server?.closeAllConnections()
    }
  })
})
