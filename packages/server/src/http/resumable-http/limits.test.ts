/** Section "Limits": what is announced is kept to. */
import { dialectOf } from '@pawl/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { append, begin, beginEmpty, DRAFT, locationOf, look, offsetAt } from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ args: ['--max-size', '1000000', '--upload-ttl', '60s'] })
})
afterAll(() => server.close())

/** Members of an `Upload-Limit`. */
function limitsOf(value: string | undefined): Record<string, number> {
  return Object.fromEntries(
    (value ?? '').split(', ').map((member) => {
      const [name = '', number] = member.split('=')
      return [name, Number(number)]
    }),
  )
}

describe('Limits', () => {
  test('4.1.4: without any limit the field says min-size=0', () => {
    for (const version of ['8', '9', '10', undefined]) expect(dialectOf(version).limit({})).toBe('min-size=0')
  })

  test('4.1.4: limits do not get tighter while an upload lives', async () => {
    const created = await begin(server, '?0', {}, 'x')
    const url = locationOf(server, created)
    const first = limitsOf(created.interim[0]?.headers['upload-limit'])
    expect(Object.keys(first)).toEqual(['max-size', 'max-age'])
    const later = [created, await look(url)]
    await append(url, 1, '?0', 'y')
    later.push(await look(url))
    await append(url, 2, '?1')
    later.push(await look(url))
    for (const { headers } of later) {
      const limits = limitsOf(headers['upload-limit'])
      expect(limits['max-size']).toBe(first['max-size'])
      // None that was not there before.
      expect(Object.keys(limits)).toEqual(Object.keys(first))
    }
  })

  test('4.1.4: the end of the lifetime does not come nearer', async () => {
    const url = await beginEmpty(server)
    let end = 0
    let offset = 0
    for (const content of ['', 'x', '', 'y']) {
      await append(url, offset, '?0', content)
      offset += content.length
      const { headers } = await look(url)
      const age = limitsOf(headers['upload-limit'])['max-age'] ?? Number.NaN
      // Told in whole seconds, rounded down.
      expect(Date.now() + age * 1000).toBeGreaterThan(end - 1000)
      end = Date.now() + age * 1000
    }
    expect(await offsetAt(url)).toBe(2)
  })

  test('4.1.4: what OPTIONS announces is what an upload gets', async () => {
    const announced = limitsOf((await send(`${server.url}/files/`, 'OPTIONS')).headers['upload-limit'])
    const max = announced['max-size'] ?? 0
    const url = await beginEmpty(server, { 'Upload-Length': String(max) })
    expect(limitsOf((await look(url)).headers['upload-limit'])['max-size']).toBe(max)
    expect((await append(url, 0, '?1', Buffer.alloc(max))).status).toBe(201)
  })

  test('OPTIONS and GET with Upload-Complete create nothing', async () => {
    for (const method of ['OPTIONS', 'GET', 'HEAD']) {
      const reply = await send(`${server.url}/files/`, method, { ...DRAFT, 'Upload-Complete': '?1' })
      expect(reply.status).toBeLessThan(500)
      expect(reply.interim).toEqual([])
      expect(reply.headers.location).toBeUndefined()
    }
    // For all resources at once nothing can be announced: buckets have limits of their own.
    expect((await send(`${server.url}/`, 'OPTIONS', { ...DRAFT })).headers['upload-limit']).toBeUndefined()
  })
})
