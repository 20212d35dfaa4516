/** Where imports must not lead: whatever the URL, the name and the source say. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type MediaServer, startMediaServer, type WireFile } from '../testing/media.ts'
import { type Step, source, status } from '../testing/source.ts'

const good: Step = (_req, res) => void res.writeHead(200, { 'Content-Length': 5 }).end('hello')
/** Breaks before its end, so that it is asked again. */
const broken: Step = (_req, res) =>
  void res.writeHead(200, { 'Content-Length': 5 }).write('h', () => res.destroy())

const names = new Map<string, string[][]>()
/** A name's next answer; the last one for all that follow. */
const resolve = async (host: string): Promise<string[]> => {
  const answers = names.get(host) ?? []
  return (answers.length > 1 ? answers.shift() : answers[0]) ?? []
}

/** Admits one address, so that there is something to be led away from. */
let server: MediaServer
/** Admits none. */
let strict: MediaServer
beforeAll(async () => {
  const parts = { importLimits: { pauses: [10], fruitless: 3, time: 20_000 }, resolve }
  server = await startMediaServer({ file: { importAllow: ['127.0.0.1'] }, parts })
  strict = await startMediaServer({ parts })
})
afterAll(async () => {
  await server.close()
  await strict.close()
})

const imported = async (url: string, wish: object, on: MediaServer): Promise<WireFile> => {
  const { file } = await on.ask<{ file: WireFile }>('POST', '/files/import', { url, ...wish })
  return on.settled(file.id)
}

describe('where the server must not go', () => {
  const refused = async (url: string, on = strict): Promise<void> => {
    expect((await imported(url, {}, on)).error).toMatchObject({ code: 'FORBIDDEN_URL' })
  }

  test('is not asked, however it is written', async () => {
    const { port, requests } = await source(good)
    for (const host of [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '017700000001',
      '[::ffff:127.0.0.1]',
      '0',
    ]) {
      await refused(`http://${host}:${port}/`)
    }
    names.set('inside.example', [['127.0.0.1']])
    names.set('both.example', [['93.184.215.14', '127.0.0.1']])
    for (const host of ['inside.example', 'both.example']) await refused(`http://${host}:${port}/`)
    expect(requests).toEqual([])
  })

  test('is not reached by a redirect', async () => {
    const inside = await source(good, '127.0.0.2')
    for (const location of [
      inside.url,
      `//127.0.0.2:${inside.port}/`,
      `http://[::ffff:127.0.0.2]:${inside.port}/`,
    ]) {
      const { url } = await source(status(302, { Location: location }))
      await refused(url, server)
    }
    expect(inside.requests).toEqual([])
  })

  test('is not reached by a name that changes: each connection goes to an address that was checked', async () => {
    const outside = await source(broken)
    const inside = await source(good, '127.0.0.2')
    // Checked once as allowed; whoever asks again is told another address.
    names.set('rebinding.example', [['127.0.0.1'], ['127.0.0.2']])
    await refused(`http://rebinding.example:${outside.port}/`, server)
    expect(outside.requests).toHaveLength(1)
    expect(outside.requests[0]?.host).toBe(`rebinding.example:${outside.port}`)
    expect(inside.requests).toEqual([])
  })

  test('what was meant for one origin is not sent to another', async () => {
    const other = await source(good)
    const { url, requests } = await source(status(302, { Location: other.url }))
    await imported(url, { urlHeaders: { Authorization: 'Bearer mine' } }, server)
    expect(requests[0]?.authorization).toBe('Bearer mine')
    expect(other.requests[0]?.authorization).toBeUndefined()
  })

  test.each([
    [{ url: 'file:///etc/passwd' }],
    [{ url: 'gopher://127.0.0.1/' }],
    [{ url: 'http://user:password@example.com/' }],
    [{ url: 'http://' }],
    [{ url: 'http://example.com/', urlHeaders: { Host: 'inside' } }],
    [{ url: 'http://example.com/', urlHeaders: { 'X-A': 'b\r\nX-C: d' } }],
    [{ url: 'http://example.com/', urlHeaders: { 'Transfer-Encoding': 'chunked' } }],
  ])('is refused at once where the wish itself is wrong: %o', async (wish) => {
    expect((await strict.call('POST', '/files/import', wish)).status).toBe(400)
  })
})
