/**
 * A request hidden in another one's body, so that a proxy and the server disagree where it begins. Every way
 * of saying two lengths at once is tried; none may ever bring a byte to an upload.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RawConnection } from '../src/http/testing/raw-connection.ts'
import { contentOf, MIB } from './content.ts'
import { FORBIDDEN, type HttpProxy, PROXIES, startOpenProxy } from './http-proxies.ts'
import { type Pawl, startPawl } from './process.ts'
import { until } from './until.ts'
import { beginPatch, create, head, offsetOf, patch, send, sha256Of } from './wire.ts'

const CONTENT_LENGTH = 'content length of what follows'

/** Header lines that say how long the body is, in ways that two readers may take differently. */
const FRAMINGS: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding': `Content-Length: ${CONTENT_LENGTH}\r\nTransfer-Encoding: chunked`,
  'Transfer-Encoding and Content-Length': `Transfer-Encoding: chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'Transfer-Encoding and a length of nothing': 'Transfer-Encoding: chunked\r\nContent-Length: 0',
  'two lengths, the first nothing': `Content-Length: 0\r\nContent-Length: ${CONTENT_LENGTH}`,
  'two lengths, the last nothing': `Content-Length: ${CONTENT_LENGTH}\r\nContent-Length: 0`,
  'two lengths in one line': `Content-Length: 0, ${CONTENT_LENGTH}`,
  'the same length twice': `Content-Length: ${CONTENT_LENGTH}\r\nContent-Length: ${CONTENT_LENGTH}`,
  'a length with a sign': `Content-Length: +${CONTENT_LENGTH}`,
  'a length with a blank in it': `Content-Length: 0 ${CONTENT_LENGTH}`,
  'a length in hexadecimal': 'Content-Length: 0x0',
  'a blank before the colon of a length': `Content-Length : ${CONTENT_LENGTH}\r\nTransfer-Encoding: chunked`,
  'a blank before the colon of Transfer-Encoding': `Transfer-Encoding : chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'a coding that is not known': `Transfer-Encoding: xchunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'chunked and then another coding': `Transfer-Encoding: chunked, identity\r\nContent-Length: ${CONTENT_LENGTH}`,
  'another coding and then chunked': `Transfer-Encoding: identity, chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'chunked twice': `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'chunked and identity in two lines': `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: ${CONTENT_LENGTH}`,
  'a vertical tab before the coding': `Transfer-Encoding: \x0bchunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'quotes around the coding': `Transfer-Encoding: "chunked"\r\nContent-Length: ${CONTENT_LENGTH}`,
  'a folded Transfer-Encoding': `Transfer-Encoding:\r\n chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'a length folded into another header': `X-Note: one\r\n Content-Length: ${CONTENT_LENGTH}`,
  'a coding folded into another header': `X-Note: one\r\n\tTransfer-Encoding: chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'a bare LF before a length': `X-Note: one\nContent-Length: ${CONTENT_LENGTH}`,
  'a bare LF before a coding': `X-Note: one\nTransfer-Encoding: chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'a bare CR before a coding': `X-Note: one\rTransfer-Encoding: chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
  'a NUL in front of a coding': `X-Note: one\0\r\nTransfer-Encoding: chunked\r\nContent-Length: ${CONTENT_LENGTH}`,
}

/** What stands before the hidden request: chunked readers see an end here, others do not. */
const PRELUDES: Readonly<Record<string, string>> = {
  'right behind the head': '',
  'behind an empty chunk': '0\r\n\r\n',
  'behind a chunk that ends with a bare LF': '0\n\n',
  'behind a chunk with an extension over two lines': '0;a\nb\r\n\r\n',
  'behind a chunk whose size is too large for a number': 'fffffffffffffffff1\r\n',
}

function hidden(path: string): string {
  const body = 'SMUGGLED!!'
  return (
    `PATCH ${path}?${FORBIDDEN} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
    `Content-Type: application/offset+octet-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  )
}

let pawl: Pawl
beforeAll(async () => {
  pawl = await startPawl()
})
afterAll(() => pawl.stop())

/** Sends every combination to `port`; resolves to those that brought a byte to the upload. */
async function smuggle(port: number): Promise<string[]> {
  const through: string[] = []
  let url = await create(pawl.url, 10)
  for (const [framing, lines] of Object.entries(FRAMINGS)) {
    const attempts = Object.entries(PRELUDES).map(async ([place, prelude]) => {
      const payload = prelude + hidden(new URL(url).pathname)
      const headers = lines.replaceAll(CONTENT_LENGTH, String(Buffer.byteLength(payload, 'latin1')))
      const connection = await RawConnection.open(port)
      connection.write(`POST /health HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n${payload}`)
      // A request that waits for more has not been taken for two.
      await Promise.race([connection.closed(), sleep(300)])
      connection.destroy()
      return place
    })
    const places = await Promise.all(attempts)
    if ((await head(url)).headers['upload-offset'] === '0') continue
    through.push(`${framing}: ${places.join(', ')}`)
    url = await create(pawl.url, 10)
  }
  return through
}

test('the hidden request is one that would be served if it were seen', async () => {
  const url = await create(pawl.url, 10)
  const connection = await RawConnection.open(pawl.port)
  connection.write(
    `POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n${hidden(new URL(url).pathname)}`,
  )
  expect((await connection.reply())?.status).toBe(404)
  expect((await connection.reply())?.status).toBe(204)
  connection.destroy()
})

test('the server alone takes nothing from a request whose length can be read in two ways', async () => {
  expect(await smuggle(pawl.port)).toEqual([])
})

describe.each(PROXIES)('Behind $name', (kind) => {
  let proxy: HttpProxy
  beforeAll(async () => {
    if (kind.program !== '') proxy = await startOpenProxy(kind, pawl.port)
  })
  afterAll(() => proxy?.stop())

  test.skipIf(kind.program === '')('no request that the proxy did not see reaches an upload', async () => {
    const victim = await create(pawl.url, 10)
    const forbidden = await send('HEAD', `${victim.replace(pawl.url, proxy.url)}?${FORBIDDEN}`)
    expect(forbidden.status, 'the proxy refuses what it sees').toBe(403)
    expect(await smuggle(proxy.port)).toEqual([])
    // Nobody else's answer was put out of step.
    for (let i = 0; i < 10; i += 1) {
      const reply = await send('GET', `${proxy.url}/health`)
      expect([reply.status, String(reply.body)]).toEqual([200, '{"status":"ok"}'])
    }
  })

  test.skipIf(kind.program === '')(
    'an upload that is cut in the middle goes on where it was cut',
    async () => {
      const size = 4 * MIB
      const content = contentOf(`through ${kind.name}`)
      const url = (await create(proxy.url, size)).replace(pawl.url, proxy.url)
      const sending = beginPatch(url, 0, size)
      await sending.write(content.bytes(0, 2 * MIB))
      // What was sent arrives while the request is still going on: the proxy does not gather it.
      await until('bytes arrive through the proxy', async () => (await offsetOf(url)) > 0)
      sending.request.destroy()
      const offset = await offsetOf(url)
      expect(offset).toBeGreaterThan(0)
      expect(offset).toBeLessThanOrEqual(2 * MIB)
      expect((await patch(url, offset, content.bytes(offset, size))).status).toBe(204)
      expect(await sha256Of(url)).toBe(content.sha256(size))
    },
  )
})
