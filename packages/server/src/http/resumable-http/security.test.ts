/** Section "Security Considerations". */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import {
  append,
  begin,
  beginEmpty,
  DRAFT,
  locationOf,
  look,
  offsetAt,
  problemIn,
} from '../testing/resumable.ts'
import { ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let open: TestServer
let server: StorageServer
const banned = new Set<string>()
beforeAll(async () => {
  open = await startTestServer()
  server = await startStorage({
    policies: ({ sub }) => sub !== undefined && !banned.has(sub),
  })
  await ok(server.admin.createBucket('shared', { public: false }))
})
afterAll(async () => {
  await open.close()
  await server.close()
})

const as = async (sub: string) => ({ Authorization: `Bearer ${await tokenOf(sub)}` })
const at = (key: string): string => `${server.base}/object/shared/${key}`

/** An upload of the storage face, at its beginning. */
async function beginObject(key: string, headers: Record<string, string>): Promise<string> {
  const reply = await send(at(key), 'POST', {
    ...DRAFT,
    ...headers,
    'Upload-Complete': '?0',
    'Content-Length': '0',
  })
  expect(reply.status).toBe(201)
  return locationOf(server, reply)
}

describe('URIs of upload resources', () => {
  test('13: nobody can guess the URI of an upload resource', async () => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, async () => new URL(await beginEmpty(open)).pathname.split('/')[2] ?? ''),
    )
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{44}$/)
    // Random in every place behind the time: a counter would leave some of them alike.
    for (let place = 12; place < 44; place += 1)
      expect(new Set(ids.map((id) => id[place])).size).toBeGreaterThan(4)
  })

  test('13: the URI tells nothing of the inside', async () => {
    const ada = await as('ada')
    const url = new URL(await beginObject('secret-name.txt', ada))
    expect(url.pathname).toMatch(/^\/uploads\/[0-9a-f]{44}$/)
    expect(url.search).toBe('')
    // Two of one user for one place have nothing in common but when they were made, which `Upload-Limit` tells too.
    const other = new URL(await beginObject('secret-name.txt', ada))
    expect(other.pathname.slice(21, 29)).not.toBe(url.pathname.slice(21, 29))
  })
})

describe('who may', () => {
  test('an upload of the storage face is not to be had at any other door without its owner', async () => {
    const url = await beginObject('doors', await as('ada'))
    const id = url.slice(url.lastIndexOf('/') + 1)
    const bob = await as('bob')
    const doors = [
      `${server.url}/uploads/${id}`,
      `${server.url}/files/${id}`,
      `${server.base}/upload/resumable/${id}`,
    ]
    for (const door of doors)
      for (const headers of [{}, bob, { Authorization: `Bearer ${server.anon}` }, { 'X-Signature': 'x' }])
        for (const spoken of [DRAFT, { 'Tus-Resumable': '1.0.0' }, {}])
          for (const method of ['HEAD', 'GET', 'PATCH', 'DELETE']) {
            const reply = await send(door, method, {
              ...spoken,
              ...headers,
              'Content-Length': '0',
              'Upload-Offset': '0',
              'Upload-Complete': '?1',
              'Content-Type':
                spoken === DRAFT ? 'application/partial-upload' : 'application/offset+octet-stream',
            })
            expect([method, door, reply.status >= 400 && reply.status < 500]).toEqual([method, door, true])
            expect(reply.headers['upload-offset']).toBeUndefined()
          }
    // Its owner does not find it at `/files/` either: it is none of that face.
    expect((await look(`${server.url}/files/${id}`, await as('ada'))).status).toBe(404)
    expect((await look(url, await as('ada'))).headers['upload-offset']).toBe('0')
  })

  test('13: permission is asked again before the upload becomes an object', async () => {
    const eve = await as('eve')
    const url = await beginObject('too-late', eve)
    expect((await append(url, 0, '?0', 'hel', eve)).status).toBe(204)
    banned.add('eve')
    const refused = await append(url, 3, '?1', 'lo', eve)
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(refused.status).toBeLessThan(500)
    const service = { Authorization: `Bearer ${server.service}` }
    expect((await send(at('too-late'), 'GET', service)).status).toBeGreaterThanOrEqual(400)
    // Who carries the bytes does not matter: the upload is hers.
    const offset = Number((await look(url, service)).headers['upload-offset'])
    expect((await append(url, offset, '?1', 'hello'.slice(offset), service)).status).toBeGreaterThanOrEqual(
      400,
    )
    expect((await send(at('too-late'), 'GET', service)).status).toBeGreaterThanOrEqual(400)
  })
})

describe('what a client says', () => {
  test.each([
    ['Content-Type', '<script>', undefined],
    ['Content-Disposition', "inline; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", 201],
    ['Content-Disposition', `inline; filename="${'x'.repeat(20_000)}"`, 400],
    ['Content-Encoding', '../x', 400],
    ['Upload-Metadata', 'filename ***', 400],
  ])('13: metadata is validated before it counts: %s %s', async (name, value, status) => {
    const reply = await begin(open, '?1', { [name]: value }, 'x')
    if (status === undefined) expect([201, 400]).toContain(reply.status)
    else expect(reply.status).toBe(status)
    if (reply.status !== 201) return void expect(problemIn(reply).status).toBe(reply.status)
    // It leads nowhere but to the object's own place, and nothing of it runs.
    const object = await send(locationOf(open, reply), 'GET')
    expect(object.text).toBe('x')
    expect(object.headers['x-content-type-options']).toBe('nosniff')
    expect(object.headers['content-type']).not.toContain('<')
  })
})

describe('uploads that are kept open', () => {
  test('13: uploads that are begun and never ended are bounded', async () => {
    const few = await startTestServer({ args: ['--max-open', '2'] })
    try {
      await beginEmpty(few)
      await beginEmpty(few)
      const reply = await begin(few, '?0', { 'Content-Length': '0' })
      expect(reply.status).toBe(503)
      expect(reply.headers['retry-after']).toBeDefined()
      expect(reply.headers.location).toBeUndefined()
    } finally {
      await few.close()
    }
  })

  test('empty appends buy no time', async () => {
    const short = await startTestServer({ args: ['--upload-ttl', '3s'] })
    try {
      const url = await beginEmpty(short)
      const until = Date.now() + 30_000
      let status = 204
      while (status === 204 && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 200))
        status = (await append(url, 0, '?0')).status
      }
      expect(status).toBe(410)
    } finally {
      await short.close()
    }
  })

  test('a completed upload takes no content, also when its size is not declared', async () => {
    const url = await beginEmpty(open)
    await append(url, 0, '?1', 'hello')
    expect((await append(url, 5, '?1', ['more'])).status).toBe(400)
    expect((await append(url, 5, '?1', [])).headers['upload-complete']).toBe('?1')
    expect(await offsetAt(url)).toBe(5)
  })
})
