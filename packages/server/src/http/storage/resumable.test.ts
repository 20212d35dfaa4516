/** Resumable uploads: the most used client, and each row of the table of answers. */

import * as tus from 'tus-js-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Reply, send } from '../testing/client.ts'
import { ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { CHUNK, metadataHeader, patch, TUS } from '../testing/test-server.ts'

let server: StorageServer
let ada: string
let bob: string

beforeAll(async () => {
  server = await startStorage({
    args: ['--max-size', '1mb'],
    policies: [{ action: ['select', 'insert', 'update'], bucket: ['open', 'small'] }],
  })
  await ok(server.admin.createBucket('open'))
  await ok(server.admin.createBucket('closed'))
  await ok(
    server.admin.createBucket('small', { public: false, fileSizeLimit: 10, allowedMimeTypes: ['image/*'] }),
  )
  ada = await tokenOf('ada')
  bob = await tokenOf('bob')
})
afterAll(() => server.close())

let count = 0
const fresh = (): string => {
  count += 1
  return `object-${count}`
}

describe('tus-js-client', () => {
  test.each([
    ['in one piece', {}],
    ['in chunks', { chunkSize: 6 * 1024 }],
    ['with its data at creation', { uploadDataDuringCreation: true }],
    ['of a length told later', { uploadLengthDeferred: true, chunkSize: 6 * 1024 }],
    ['in parallel parts', { parallelUploads: 3 }],
  ])('uploads %s', async (_, options) => {
    const name = `${fresh()}/naïve 😀.bin`
    const bytes = Buffer.alloc(20_000, 'x')
    await upload(bytes, name, options)
    const blob = await ok(server.as(ada).from('open').download(name))
    expect(Buffer.from(await blob.arrayBuffer()).equals(bytes)).toBe(true)
    expect(await ok(server.as(ada).from('open').info(name))).toMatchObject({
      contentType: 'image/png',
      cacheControl: 'max-age=3600',
      metadata: { by: 'ada' },
    })
  })

  test('fails at once on a path that is taken, and does not go on trying', async () => {
    const name = fresh()
    await upload(Buffer.from('first'), name)
    const requests: string[] = []
    const error = await upload(Buffer.from('second'), name, {
      onBeforeRequest: (request) => void requests.push(request.getMethod()),
    }).catch((error: unknown) => error)
    expect(String(error)).toContain('Asset Already Exists')
    expect(requests).toEqual(['POST'])
  })
})

describe('creation', () => {
  test('answers 201 with Location, Upload-Offset and Upload-Expires', async () => {
    const reply = await create(fresh(), 5)
    expect(reply.status).toBe(201)
    expect(reply.headers.location).toMatch(/^\/storage\/v1\/upload\/resumable\/[0-9a-f]{32}$/)
    expect(reply.headers['upload-offset']).toBe('0')
    expect(Date.parse(reply.headers['upload-expires'] ?? '') - Date.now()).toBeGreaterThan(23 * 3600_000)
  })

  test('with all data is complete, and says so', async () => {
    const name = fresh()
    const reply = await create(name, 5, CHUNK, 'hello')
    expect(reply.headers).toMatchObject({
      'upload-offset': '5',
      'tus-complete': '1',
      etag: expect.any(String),
      'pawl-object-id': expect.any(String),
      'repr-digest': expect.stringMatching(/^sha-256=:/),
    })
    expect(await (await ok(server.admin.from('open').download(name))).text()).toBe('hello')
  })

  test('of zero bytes is complete at once', async () => {
    const name = fresh()
    expect((await create(name, 0)).headers['tus-complete']).toBe('1')
    expect(await ok(server.admin.from('open').info(name))).toMatchObject({ size: 0 })
  })

  test.each([
    ['no metadata', '', 400, 'Metadata header is required'],
    ['no bucketName', metadataHeader({ objectName: 'x' }), 400, 'Bucket name invalid'],
    ['no objectName', metadataHeader({ bucketName: 'open' }), 400, 'Invalid key: '],
    [
      'a key that climbs',
      metadataHeader({ bucketName: 'open', objectName: 'a/../b' }),
      400,
      'Invalid key: a/../b',
    ],
    [
      'metadata that is no JSON',
      metadataHeader({ bucketName: 'open', objectName: 'x', metadata: '{' }),
      400,
      'metadata must be',
    ],
    [
      'metadata that is no object',
      metadataHeader({ bucketName: 'open', objectName: 'x', metadata: '[]' }),
      400,
      'metadata must be',
    ],
    [
      'a negative cache control',
      metadataHeader({ bucketName: 'open', objectName: 'x', cacheControl: '-5' }),
      400,
      'negative',
    ],
    [
      'a content type that is none',
      metadataHeader({ bucketName: 'open', objectName: 'x', contentType: 'png' }),
      400,
      'not a media type',
    ],
    [
      'an unknown bucket',
      metadataHeader({ bucketName: 'nowhere', objectName: 'x' }),
      403,
      'row-level security',
    ],
    [
      'a bucket that nothing allows',
      metadataHeader({ bucketName: 'closed', objectName: 'x' }),
      403,
      'row-level security',
    ],
    [
      'a type its bucket does not allow',
      metadataHeader({ bucketName: 'small', objectName: 'x', contentType: 'video/mp4' }),
      415,
      'mime type video/mp4',
    ],
    [
      'no type where its bucket has a list',
      metadataHeader({ bucketName: 'small', objectName: 'x' }),
      415,
      'mime type application/octet-stream',
    ],
  ])('with %s is refused', async (_, metadata, status, message) => {
    const headers = {
      ...as(ada),
      'Upload-Length': '5',
      ...(metadata === '' ? {} : { 'Upload-Metadata': metadata }),
    }
    const reply = await send(endpoint(), 'POST', { ...TUS, ...headers })
    expectProblem(reply, status)
    expect(JSON.parse(reply.text).message).toContain(message)
  })

  test('in an unknown bucket is 404 for the service role, who may know', async () => {
    expectProblem(await create(fresh(), 5, as(server.service), undefined, 'nowhere'), 404)
  })

  test('past the limit of its bucket is 413, also when the length is told later', async () => {
    const type = { contentType: 'image/png' }
    expectProblem(await create(fresh(), 11, {}, undefined, 'small', type), 413)
    const deferred = await create(fresh(), undefined, {}, undefined, 'small', type)
    const url = urlOf(deferred)
    expectProblem(await patch(url, 0, 'x'.repeat(11), as(ada)), 413)
    expect((await patch(url, 0, 'x'.repeat(8), as(ada))).status).toBe(204)
    expectProblem(await patch(url, 8, 'xxx', as(ada)), 413)
    expectProblem(await patch(url, 8, 'x', { ...as(ada), 'Upload-Length': '11' }), 413)
  })

  test('on a path that is taken is 400 with what the documentation promises', async () => {
    const name = fresh()
    await create(name, 1, CHUNK, 'x')
    const reply = await create(name, 5)
    expect(reply.status).toBe(400)
    expect(JSON.parse(reply.text)).toEqual({
      statusCode: '409',
      error: 'Duplicate',
      message: 'Asset Already Exists',
      code: 'KeyAlreadyExists',
    })
    expect((await create(name, 5, { 'x-upsert': 'true' })).status).toBe(201)
  })

  test.each([
    ['no token', {}],
    ['a bad token', { Authorization: 'Bearer x.y.z' }],
    ['an expired token', { expired: true }],
  ])('with %s is 400, as the clients know it, and readable by pages', async (_, given) => {
    const expired = { Authorization: `Bearer ${await tokenOf('ada', { exp: 1000 })}` }
    const headers = 'expired' in given ? expired : given
    const origin = { Origin: 'https://page.example' }
    const reply = await send(endpoint(), 'POST', { ...TUS, ...origin, ...headers, 'Upload-Length': '1' })
    expect(reply.status).toBe(400)
    expect(JSON.parse(reply.text)).toMatchObject({
      statusCode: '403',
      error: 'Unauthorized',
      message: expect.any(String),
    })
    expect(reply.headers['access-control-allow-origin']).toBe('*')
  })
})

describe('an upload under way', () => {
  test('shows itself to its owner and the service role, and to nobody else', async () => {
    const url = urlOf(await create(fresh(), 5))
    const seen = await look(url, as(ada))
    expect(seen.status).toBe(200)
    expect(seen.headers).toMatchObject({
      'upload-offset': '0',
      'upload-length': '5',
      'cache-control': 'no-store',
      'upload-expires': expect.any(String),
      'upload-metadata': expect.stringContaining('bucketName'),
    })
    expect((await look(url, as(server.service))).status).toBe(200)
    for (const token of [bob, server.anon]) expect((await look(url, as(token))).status).toBe(404)
    expectProblem(await patch(url, 0, 'x', as(bob)), 404)
    expectProblem(await send(url, 'DELETE', { ...TUS, ...as(bob) }), 404)
  })

  test("of the anon key is anyone's who has the anon key and the URL", async () => {
    const url = urlOf(await create(fresh(), 5, as(server.anon)))
    expect((await look(url, as(server.anon))).status).toBe(200)
    expect((await look(url, as(ada))).status).toBe(404)
  })

  test('can be looked at with a token that expired within a day, but takes bytes with a valid one only', async () => {
    const url = urlOf(await create(fresh(), 5))
    const late = await tokenOf('ada', { exp: Math.floor(Date.now() / 1000) - 3600 })
    expect((await look(url, as(late))).status).toBe(200)
    expectProblem(await patch(url, 0, 'x', as(late)), 400)
  })

  test('refuses a wrong offset with 409 and the right one, a missing one with 400, too much with 413', async () => {
    const url = urlOf(await create(fresh(), 5))
    const wrong = await patch(url, 3, 'x', as(ada))
    expectProblem(wrong, 409)
    expect(wrong.headers['upload-offset']).toBe('0')
    expectProblem(await send(url, 'PATCH', { ...CHUNK, ...as(ada) }, 'x'), 400)
    expectProblem(await patch(url, 0, '123456', as(ada)), 413)
    expect((await look(url, as(ada))).headers['upload-offset']).toBe('0')
  })

  test('ends with 204, Tus-Complete and the object, and a repeat gets the same', async () => {
    const url = urlOf(await create(fresh(), 5))
    const last = await patch(url, 0, 'hello', as(ada))
    expect(last.status).toBe(204)
    expect(last.headers).toMatchObject({
      'upload-offset': '5',
      'tus-complete': '1',
      etag: expect.any(String),
    })
    const again = await patch(url, 5, '', as(ada))
    expect([again.status, again.headers.etag, again.headers['pawl-object-id']]).toEqual([
      204,
      last.headers.etag,
      last.headers['pawl-object-id'],
    ])
  })

  test('is deleted once', async () => {
    const url = urlOf(await create(fresh(), 5))
    expect((await send(url, 'DELETE', { ...TUS, ...as(ada) })).status).toBe(204)
    expectProblem(await send(url, 'DELETE', { ...TUS, ...as(ada) }), 404)
  })

  test.each(['0'.repeat(32), 'garbage'])('that was never there is 404: %s', async (id) => {
    expectProblem(await patch(`${endpoint()}/${id}`, 0, 'x', as(ada)), 404)
    expect((await look(`${endpoint()}/${id}`, as(ada))).status).toBe(404)
  })

  test('belongs to this face: the plain endpoint does not know it, nor this one those of the plain one', async () => {
    const url = urlOf(await create(fresh(), 5))
    const id = url.slice(url.lastIndexOf('/') + 1)
    expect((await look(`${server.url}/files/${id}`, as(ada))).status).toBe(404)
    const plain = await send(`${server.url}/files/`, 'POST', { ...TUS, ...as(ada), 'Upload-Length': '5' })
    const other = plain.headers.location?.slice('/files/'.length)
    expect((await look(`${endpoint()}/${other}`, as(ada))).status).toBe(404)
  })

  test('takes checksums', async () => {
    const url = urlOf(await create(fresh(), 5))
    expectProblem(await patch(url, 0, 'hello', { ...as(ada), 'Upload-Checksum': 'crc32 AAAAAA==' }), 460)
    const right = await patch(url, 0, 'hello', { ...as(ada), 'Upload-Checksum': 'crc32 NhCmhg==' })
    expect(right.status).toBe(204)
  })
})

describe('several uploads to one path', () => {
  test('without upsert: the first to finish wins, the others get 409, then 410, and a new one 400', async () => {
    const name = fresh()
    const [first, second] = [urlOf(await create(name, 1)), urlOf(await create(name, 1))]
    expect((await patch(second, 0, '2', as(ada))).status).toBe(204)
    expectProblem(await patch(first, 0, '1', as(ada)), 409)
    expectProblem(await patch(first, 1, '', as(ada)), 409)
    expect((await look(first, as(ada))).status).toBe(410)
    expect((await create(name, 1)).status).toBe(400)
    expect(await (await ok(server.admin.from('open').download(name))).text()).toBe('2')
  })

  test('with upsert, said at creation only: the last to finish wins', async () => {
    const name = fresh()
    const upsert = { 'x-upsert': 'true' }
    const [first, second] = [urlOf(await create(name, 1, upsert)), urlOf(await create(name, 1, upsert))]
    expect((await patch(second, 0, '2', as(ada))).status).toBe(204)
    expect((await patch(first, 0, '1', as(ada))).status).toBe(204)
    expect(await (await ok(server.admin.from('open').download(name))).text()).toBe('1')
  })
})

/**
 * As supabase-kt puts it on the wire: no Content-Type on creation, the upload's URL taken as it comes, chunks of a
 * declared length, 204 with Upload-Offset after each, and a 409 taken for a chunk that is there already.
 */
test('the Kotlin client uploads in chunks, and finds its place after an interruption', async () => {
  const other = await startStorage({ args: ['--public-url', 'https://files.example/base'] })
  try {
    await ok(other.admin.createBucket('kotlin'))
    const bearer = { Authorization: `Bearer ${other.service}`, 'Tus-Resumable': '1.0.0' }
    const metadata = metadataHeader({ bucketName: 'kotlin', objectName: 'a/b.png', contentType: 'image/png' })
    const made = await send(`${other.base}/upload/resumable`, 'POST', {
      'Upload-Metadata': metadata,
      ...bearer,
      'Upload-Length': '25',
      'x-upsert': 'false',
    })
    // It does not resolve a path, so it needs the public URL.
    expect(made.headers.location).toMatch(
      /^https:\/\/files\.example\/base\/storage\/v1\/upload\/resumable\/[0-9a-f]{32}$/,
    )
    const url = (made.headers.location ?? '').replace('https://files.example/base', other.url)
    const bytes = 'abcdefghijklmnopqrstuvwxy'
    const chunk = (offset: number) =>
      send(
        url,
        'PATCH',
        { ...bearer, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(offset) },
        bytes.slice(offset, offset + 10),
      )
    expect((await chunk(0)).headers['upload-offset']).toBe('10')
    expect((await chunk(0)).status).toBe(409)
    const seen = await send(url, 'HEAD', bearer)
    expect([seen.status, seen.headers['upload-offset']]).toEqual([200, '10'])
    expect((await chunk(10)).headers['upload-offset']).toBe('20')
    const last = await chunk(20)
    expect([last.status, last.headers['upload-offset']]).toEqual([204, '25'])
    expect(await (await ok(other.admin.from('kotlin').download('a/b.png'))).text()).toBe(bytes)
  } finally {
    await other.close()
  }
})

test('OPTIONS says what it can do', async () => {
  const reply = await send(endpoint(), 'OPTIONS')
  expect([reply.status, reply.headers['tus-version']]).toEqual([204, '1.0.0'])
  expect(reply.headers['tus-extension']).toContain('concatenation')
})

function endpoint(): string {
  return `${server.base}/upload/resumable`
}

function as(token: string): { Authorization: string } {
  return { Authorization: `Bearer ${token}` }
}

function urlOf(reply: Reply): string {
  if (reply.status !== 201) throw new Error(`creation was answered ${reply.status}: ${reply.text}`)
  return new URL(reply.headers.location ?? '', server.url).href
}

function create(
  objectName: string,
  length: number | undefined,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
  bucketName = 'open',
  more: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const size = length === undefined ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) }
  const metadata = { 'Upload-Metadata': metadataHeader({ bucketName, objectName, ...more }) }
  return send(endpoint(), 'POST', { ...TUS, ...as(ada), ...size, ...metadata, ...headers }, body)
}

function look(url: string, headers: Readonly<Record<string, string>>): Promise<Reply> {
  return send(url, 'HEAD', { ...TUS, ...headers })
}

/** The true status, and the shape that clients of this face read. */
function expectProblem(reply: Reply, status: number): void {
  expect(reply.status, reply.text).toBe(status)
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(JSON.parse(reply.text)).toEqual({
    statusCode: expect.stringMatching(/^\d{3}$/),
    error: expect.any(String),
    message: expect.any(String),
    code: expect.any(String),
  })
}

function upload(bytes: Buffer, objectName: string, options: Partial<tus.UploadOptions> = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    new tus.Upload(bytes, {
      endpoint: endpoint(),
      headers: { authorization: `Bearer ${ada}`, 'x-upsert': 'false' },
      metadata: {
        bucketName: 'open',
        objectName,
        contentType: 'image/png',
        cacheControl: '3600',
        metadata: JSON.stringify({ by: 'ada' }),
      },
      onError: reject,
      onSuccess: () => resolve(),
      ...options,
    }).start()
  })
}
