/** Checksums behind the chunks, on Pawl's own server, and what roads do to them. */
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { type PawlServer, startPawl } from '../../../test/servers/pawl.ts'
import { startRelay } from '../../../test/servers/relay.ts'
import { startTusEmulator } from '../../../test/servers/tus-emulator.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { type Http, type HttpRequest, http } from '../../http/http.ts'
import type { TusOptions } from './options.ts'
import { tus } from './tus.ts'

const MIB = 2 ** 20

describe('checksums behind the chunks', () => {
  let server: PawlServer
  const ends: (() => Promise<unknown>)[] = []
  beforeAll(async () => {
    server = await startPawl()
  }, 60_000)
  afterAll(() => server?.close())
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })

  /** What was asked, and what was answered. */
  const asked: (HttpRequest & { status: number })[] = []
  const patches = () => asked.filter(({ method }) => method === 'PATCH')
  const watched: Http = async (request, call) => {
    const response = await http(request, call)
    asked.push({ ...request, status: response.status })
    return response
  }
  function adapter(options: TusOptions = {}) {
    asked.length = 0
    return tus({ endpoint: server.endpoint, checksum: 'trailer', http: watched, ...options })
  }
  async function stored(url: string | undefined): Promise<Uint8Array> {
    return new Uint8Array(
      await (await fetch(new URL(new URL(url ?? '').pathname, server.endpoint))).arrayBuffer(),
    )
  }

  it.each([
    ['of whole cells', MIB, true],
    ['of any size', 1_234_567, true],
    ['whose cells nobody asks for', MIB, false],
  ] as const)('follow chunks %s, which are checked by the server', async (_, exact, resumable) => {
    const body = randomBytes(5 * MIB + 17)
    const files = new Files({ adapter: adapter({ chunk: { exact }, creationWithUpload: false }) })
    const { url } = await files.upload('a.bin', body, resumable ? { control: new UploadControl() } : {})
    expect(same(await stored(url), body)).toBe(true)
    expect(patches().length).toBe(Math.ceil(body.length / exact))
    for (const { headers, trailers, status } of patches()) {
      expect(headers).toMatchObject({ trailer: 'Upload-Checksum' })
      expect(headers).not.toHaveProperty('upload-checksum')
      expect(trailers?.()['Upload-Checksum']).toMatch(/^crc32 [\w+/]{6}==$/)
      expect(status).toBe(204)
    }
  })

  it('have a chunk sent again of which a byte was changed on its way, and nothing of it is kept', async () => {
    const body = randomBytes(6 * MIB)
    const relay = await startRelay(Number(new URL(server.endpoint).port))
    ends.push(relay.close)
    // Somewhere in the body of the first chunk; the requests before it are short.
    relay.damageAt = 2 * MIB
    const endpoint = server.endpoint.replace(/:\d+\//, `:${relay.port}/`)
    const files = new Files({ adapter: adapter({ endpoint, trustedOrigins: [server.endpoint] }) })
    const { url } = await files.upload('a.bin', body)
    expect(same(await stored(url), body)).toBe(true)
    const [refused, again] = patches()
    expect(refused?.status).toBe(460)
    expect(again?.headers['upload-offset']).toBe('0')
  })

  it('lost on the road make the upload fail in words, without a byte that counts', async () => {
    // Hands the body on, and drops what followed it.
    const proxy = createServer(async (incoming, outgoing) => {
      const pieces: Buffer[] = []
      for await (const piece of incoming) pieces.push(piece)
      const { method, url, headers } = incoming
      const onward = forward(new URL(url ?? '/', server.endpoint), { method, headers })
      onward.on('response', (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      onward.on('error', () => outgoing.destroy())
      onward.end(Buffer.concat(pieces))
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    ends.push(async () => proxy.close())
    const { port } = proxy.address() as AddressInfo
    const endpoint = `http://127.0.0.1:${port}/files/`
    const made: string[] = []
    const seen: Http = async (request, call) => {
      const response = await watched(request, call)
      const location = response.header('location')
      if (location) made.push(new URL(location, endpoint).pathname)
      return response
    }
    const files = new Files({ adapter: adapter({ endpoint, trustedOrigins: [server.endpoint], http: seen }) })
    await expect(files.upload('a.bin', randomBytes(6 * MIB))).rejects.toMatchObject({
      message: expect.stringMatching(/Upload-Checksum.*trailer/),
      retryable: false,
    })
    const [path = ''] = made
    const url = new URL(path, server.endpoint)
    const head = await fetch(url, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } })
    expect(head.headers.get('upload-offset')).toBe('0')
  })

  it('go before the chunks where the server does not offer otherwise', async () => {
    const emulator = await startTusEmulator({ extensions: 'creation,checksum', checksums: 'crc32' })
    ends.push(() => emulator.close())
    const body = randomBytes(3 * MIB)
    const files = new Files({ adapter: adapter({ endpoint: emulator.endpoint }) })
    const { url } = await files.upload('a.bin', body)
    expect(same(emulator.read(url ?? ''), body)).toBe(true)
    expect(patches().length).toBeGreaterThan(0)
    for (const { headers, trailers } of patches()) {
      expect(headers['upload-checksum']).toMatch(/^crc32 /)
      expect(trailers).toBeUndefined()
    }
  })
})
