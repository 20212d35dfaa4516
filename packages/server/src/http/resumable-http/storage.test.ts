/** Whole objects of the storage face as targets: the answers are those of the ordinary request. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Reply, send } from '../testing/client.ts'
import { append, beginSlowly, DRAFT, look, problemIn, written } from '../testing/resumable.ts'
import { ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'

let server: StorageServer
let ada: string
beforeAll(async () => {
  server = await startStorage({
    args: ['--max-size', '1000000'],
    policies: [{ action: ['insert', 'select'], bucket: 'open', role: 'authenticated' }],
  })
  await ok(server.admin.createBucket('open', { public: false, fileSizeLimit: 1000 }))
  await ok(server.admin.createBucket('closed', { public: false }))
  ada = `Bearer ${await tokenOf('ada')}`
})
afterAll(() => server.close())

const at = (key: string, bucket = 'open'): string => `${server.base}/object/${bucket}/${key}`
const service = () => ({ Authorization: `Bearer ${server.service}` })
const uploadAt = (reply: Reply): string => new URL(reply.interim[0]?.headers.location ?? '', server.url).href
const body = async (key: string): Promise<string> => (await send(at(key), 'GET', service())).text

describe('POST and PUT of an object', () => {
  test.each(['POST', 'PUT'])('%s with Upload-Complete: ?1 is answered as without it', async (method) => {
    const headers = { ...service(), 'Content-Type': 'text/plain' }
    const plain = await send(at(`plain-${method}`), method, headers, 'hello')
    const reply = await send(
      at(`upgraded-${method}`),
      method,
      { ...headers, ...DRAFT, 'Upload-Complete': '?1' },
      'hello',
    )
    expect(reply.status).toBe(plain.status)
    expect(Object.keys(JSON.parse(reply.text))).toEqual(Object.keys(JSON.parse(plain.text)))
    expect(JSON.parse(reply.text).Key).toBe(`open/upgraded-${method}`)
    expect(reply.headers['content-type']).toBe(plain.headers['content-type'])
    expect(reply.headers['upload-complete']).toBe('?1')
    expect(reply.headers.location).toBeUndefined()
    expect(reply.interim[0]?.headers.location).toMatch(/^\/uploads\/[0-9a-f]{44}$/)
  })

  test('4.4.2: the end is answered as the target would have answered the whole', async () => {
    const slow = await beginSlowly(
      server,
      'POST',
      '/storage/v1/object/open/broken.txt',
      {
        Authorization: ada,
        'Content-Type': 'text/css',
        'Cache-Control': 'max-age=60',
        'Upload-Complete': '?1',
        'Content-Length': '10',
      },
      'hello',
    )
    const url = new URL((await slow.reply())?.headers.location ?? '', server.url).href
    await written()
    slow.destroy()
    expect((await look(url, { Authorization: ada })).headers['upload-offset']).toBe('5')
    const reply = await append(url, 5, '?1', 'world', { Authorization: ada })
    expect(reply.status).toBe(200)
    expect(JSON.parse(reply.text)).toEqual({ Id: expect.any(String), Key: 'open/broken.txt' })
    expect(reply.headers['upload-complete']).toBe('?1')
    const again = await append(url, 10, '?1', '', { Authorization: ada })
    expect(again.text).toBe(reply.text)
    const object = await send(at('broken.txt'), 'GET', service())
    expect(object.text).toBe('helloworld')
    expect(object.headers['content-type']).toBe('text/css')
    expect(object.headers['cache-control']).toBe('max-age=60')
  })

  test('parts: creation without content, appends, and the end', async () => {
    const created = await send(at('parts'), 'POST', {
      ...service(),
      ...DRAFT,
      'Upload-Complete': '?0',
      'Content-Length': '0',
    })
    expect(created.status).toBe(201)
    const url = new URL(created.headers.location ?? '', server.url).href
    await append(url, 0, '?0', 'one', service())
    expect((await append(url, 3, '?1', 'two', service())).status).toBe(200)
    expect(await body('parts')).toBe('onetwo')
  })

  test('a refusal is the ordinary one, and final', async () => {
    const wanting = { ...DRAFT, Authorization: ada, 'Upload-Complete': '?1' }
    for (const [key, bucket] of [
      ['x', 'closed'],
      ['x', 'nowhere'],
    ] as const) {
      const plain = await send(at(key, bucket), 'POST', { Authorization: ada }, 'x')
      const reply = await send(at(key, bucket), 'POST', wanting, 'x')
      expect(reply.status).toBe(plain.status)
      expect(reply.text).toBe(plain.text)
      expect(reply.headers['upload-complete']).toBe('?1')
      expect(reply.interim).toEqual([])
    }
    const large = await send(at('large'), 'POST', wanting, 'x'.repeat(1001))
    expect(large.status).toBe(413)
    expect(large.headers['upload-limit']).toMatch(/^max-size=1000, /)
    await send(at('taken'), 'POST', { Authorization: ada }, 'x')
    expect((await send(at('taken'), 'POST', wanting, 'x')).text).toContain('Duplicate')
  })

  test('an object that came meanwhile makes the outcome an error, in the words of the ordinary request', async () => {
    const created = await send(at('race'), 'POST', {
      ...DRAFT,
      Authorization: ada,
      'Upload-Complete': '?0',
      'Content-Length': '0',
    })
    const url = new URL(created.headers.location ?? '', server.url).href
    await send(at('race'), 'POST', service(), 'first')
    for (const reply of [
      await append(url, 0, '?1', 'later', { Authorization: ada }),
      await append(url, 5, '?1', '', { Authorization: ada }),
    ]) {
      expect(reply.headers['upload-complete']).toBe('?1')
      expect(JSON.parse(reply.text)).toMatchObject({ error: 'Duplicate' })
    }
    expect(await body('race')).toBe('first')
  })

  test('codings of the content are kept to the end', async () => {
    const headers = { ...service(), ...DRAFT, 'Content-Encoding': 'gzip', 'Upload-Complete': '?0' }
    const created = await send(at('coded'), 'POST', headers, 'x')
    const url = new URL(created.headers.location ?? '', server.url).href
    expect((await append(url, 1, '?1', 'y', service())).status).toBe(200)
    expect((await send(at('coded'), 'GET', service())).headers['content-encoding']).toBe('gzip')
  })

  test('lengths that differ are a problem of the protocol', async () => {
    const reply = await send(
      at('two'),
      'POST',
      { ...service(), ...DRAFT, 'Upload-Complete': '?1', 'Upload-Length': '9' },
      'x',
    )
    expect(reply.status).toBe(400)
    expect(reply.headers['upload-complete']).toBe('?0')
    expect(problemIn(reply).type).toContain('#inconsistent-upload-length')
  })

  test('a form is taken as ever: it is not offered to be resumed', async () => {
    const form = new FormData()
    form.set('file', new Blob(['hello']), 'f')
    const reply = await fetch(at('form'), {
      method: 'POST',
      headers: { ...service(), ...DRAFT, 'Upload-Complete': '?1' },
      body: form,
    })
    expect(reply.status).toBe(200)
    expect(reply.headers.get('upload-complete')).toBeNull()
    expect(await body('form')).toBe('hello')
  })

  test('content larger than its bucket allows, which did not say so, deactivates the upload', async () => {
    const reply = await send(at('growing'), 'POST', { ...service(), ...DRAFT, 'Upload-Complete': '?1' }, [
      'x'.repeat(900),
      'x'.repeat(900),
    ])
    expect(reply.status).toBe(413)
    expect((await look(uploadAt(reply), service())).status).toBe(410)
  })

  test('OPTIONS tells the limits: those of the bucket to who may put something there', async () => {
    const limit = async (bucket: string, headers: Record<string, string>) =>
      (await send(at('k', bucket), 'OPTIONS', headers)).headers['upload-limit']
    expect(await limit('open', { Authorization: ada })).toMatch(/^max-size=1000, /)
    expect(await limit('closed', { Authorization: ada })).toMatch(/^max-size=1000000, /)
    expect(await limit('nowhere', { Authorization: ada })).toMatch(/^max-size=1000000, /)
    expect(await limit('open', {})).toMatch(/^max-size=1000000, /)
  })
})

describe('a signed upload URL', () => {
  test('is all that is needed to go on: the URL of the upload carries its token', async () => {
    const { signedUrl, token } = await ok(server.admin.from('open').createSignedUploadUrl('signed.txt'))
    const created = await send(signedUrl, 'PUT', { ...DRAFT, 'Upload-Complete': '?0' }, 'hello')
    expect(created.status).toBe(201)
    const url = new URL(created.headers.location ?? '', server.url)
    expect(url.searchParams.get('token')).toBe(token)
    expect(created.headers.location).toBe(created.interim[0]?.headers.location)
    const bare = new URL(url)
    bare.search = ''
    expect((await look(bare.href, { Authorization: ada })).status).toBe(404)
    expect((await look(url.href)).headers['upload-offset']).toBe('5')
    expect((await append(url.href, 5, '?1', ' world')).status).toBe(200)
    expect(await body('signed.txt')).toBe('hello world')
  })
})

describe('Security Considerations', () => {
  test('13: only who may gets at an upload resource', async () => {
    const created = await send(
      at('mine'),
      'POST',
      { ...DRAFT, Authorization: ada, 'Upload-Complete': '?0' },
      'hel',
    )
    const url = new URL(created.headers.location ?? '', server.url).href
    const bob = { Authorization: `Bearer ${await tokenOf('bob')}` }
    for (const headers of [bob, { Authorization: `Bearer ${server.anon}` }]) {
      expect((await look(url, headers)).status).toBe(404)
      expect((await append(url, 3, '?1', 'x', headers)).status).toBe(404)
      expect((await send(url, 'DELETE', { ...DRAFT, ...headers })).status).toBe(404)
    }
    for (const headers of [{}, { Authorization: 'Bearer nonsense' }, { Authorization: 'Basic eA==' }]) {
      const reply = await send(url, 'GET', { ...DRAFT, ...headers })
      expect(reply.status).toBe(401)
      expect(reply.headers['www-authenticate']).toBe('Bearer')
    }
    expect((await look(url, { Authorization: ada })).headers['upload-offset']).toBe('3')
    expect((await look(url, service())).headers['upload-offset']).toBe('3')
  })

  test('at /files/ a token is needed to begin, and the same one to go on', async () => {
    const begin = (headers: Record<string, string>) =>
      send(`${server.url}/files/`, 'POST', { ...DRAFT, 'Upload-Complete': '?0', ...headers }, 'x')
    const stranger = await begin({})
    expect(stranger.status).toBe(401)
    expect(stranger.headers['www-authenticate']).toBe('Bearer')
    expect(stranger.headers['upload-complete']).toBe('?1')
    expect((await begin({ Authorization: `Bearer ${server.anon}` })).status).toBe(403)
    const created = await begin({ Authorization: ada })
    const url = new URL(created.headers.location ?? '', server.url).href
    const bob = { Authorization: `Bearer ${await tokenOf('bob')}` }
    expect((await append(url, 1, '?1', 'x', bob)).status).toBe(404)
    expect((await append(url, 1, '?1', 'x', { Authorization: ada })).status).toBe(201)
  })
})
