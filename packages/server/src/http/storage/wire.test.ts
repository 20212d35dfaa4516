/** Names in any script, pages of other origins, faults that tell nothing of the inside, and the OpenAPI document. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { failure, ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { metadataHeader, TUS } from '../testing/test-server.ts'

let server: StorageServer
const bucket = () => server.admin.from('names')

beforeAll(async () => {
  server = await startStorage()
  await ok(server.admin.createBucket('names', { public: true }))
})
afterAll(() => server.close())

describe('a key', () => {
  test.each([
    'naïve.txt',
    'nai\u0308ve.txt',
    '日本語/ファイル.txt',
    '😀/👩‍👩‍👧‍👦.png',
    "with space & + = @ , ; : ! ' ( ) * $.txt",
    'e\u0301\u0302\u0303',
    '\u202eright to left',
    `${'x'.repeat(255)}/${'é'.repeat(384)}`,
    ...(['%', '?', '#'] as const).map((sign) => `a${sign}b`),
  ])('%j goes round: created, listed, read, moved, signed', async (key) => {
    // The vendor's client leaves what a URL cannot hold to its caller.
    const path = key.replace(/[%?#]/g, encodeURIComponent)
    await ok(bucket().upload(path, 'x'))
    expect((await ok(bucket().listV2({ prefix: key }))).objects.map((object) => object.key)).toEqual([key])
    expect(await (await ok(bucket().download(path))).text()).toBe('x')
    expect((await ok(bucket().info(path))).name).toBe(key)
    expect(await ok(bucket().exists(path))).toBe(true)
    if (path === key) {
      const { signedUrl } = await ok(bucket().createSignedUrl(key, 60))
      expect(await (await fetch(signedUrl)).text()).toBe('x')
      expect(await (await fetch(bucket().getPublicUrl(key).data.publicUrl)).text()).toBe('x')
    }
    await ok(bucket().move(key, `moved/x`))
    expect((await ok(bucket().remove(['moved/x']))).length).toBe(1)
    const resumable = {
      ...TUS,
      ...auth(),
      'Upload-Length': '0',
      'Upload-Metadata': metadataHeader({ bucketName: 'names', objectName: key }),
    }
    expect((await send(`${server.base}/upload/resumable`, 'POST', resumable)).status).toBe(201)
    expect((await ok(bucket().remove([key]))).map(({ name }) => name)).toEqual([key])
  })

  test.each([
    ['".."', '..%2Fx'],
    ['a segment that is "."', 'a%2F.%2Fx'],
    ['an empty segment', 'a//x'],
    ['a slash at its end', 'a/'],
    ['a backslash', 'a%5C..%5Cx'],
    ['a NUL', 'a%00'],
    ['a control character', 'a%0Ab'],
    ['bytes that are not UTF-8', 'a%FF'],
    ['half an escape', 'a%4'],
    ['1,025 bytes', 'x'.repeat(1025)],
  ])('with %s is refused', async (_, path) => {
    for (const method of ['POST', 'PUT', 'GET'])
      expect(
        JSON.parse(
          (
            await send(
              `${server.base}/object/names/${path}`,
              method,
              auth(),
              method === 'GET' ? undefined : 'x',
            )
          ).text,
        ),
      ).toMatchObject({ statusCode: '400', code: 'InvalidKey' })
    expect((await send(`${server.base}/object/info/names/${path}`, 'GET', auth())).status).toBe(400)
  })
})

describe('pages of other origins', () => {
  const origin = { Origin: 'https://app.example' }

  test.each([
    ['POST', '/object/names/x'],
    ['PUT', '/object/upload/sign/names/x'],
    ['POST', '/object/list/names'],
    ['DELETE', '/bucket/names'],
    ['PATCH', '/upload/resumable/x'],
    ['GET', '/object/public/names/x'],
  ])('may ask first: %s %s', async (method, path) => {
    const wanted = 'authorization, x-upsert, x-signature, tus-resumable, apikey'
    const reply = await send(`${server.base}${path}`, 'OPTIONS', {
      ...origin,
      'Access-Control-Request-Method': method,
      'Access-Control-Request-Headers': wanted,
    })
    expect(reply.status).toBe(204)
    expect(reply.headers['access-control-allow-origin']).toBe('*')
    expect(reply.headers['access-control-allow-headers']).toBe(wanted)
    expect(reply.headers['access-control-allow-methods']).toContain(method)
  })

  test.each([
    ['GET', '/bucket', 200],
    ['GET', '/object/names/none', 400],
    ['POST', '/object/list/names', 200],
    ['POST', '/object/list/none', 200],
    ['GET', '/nothing', 404],
    ['GET', '/render/x', 501],
    ['POST', '/upload/resumable', 412],
  ])('read every answer: %s %s', async (method, path, status) => {
    const reply = await send(`${server.base}${path}`, method, { ...origin, ...auth() })
    expect(reply.status).toBe(status)
    expect(reply.headers['access-control-allow-origin']).toBe('*')
    expect(reply.headers['access-control-expose-headers']).toContain('Upload-Offset')
  })
})

describe('what is wrong with a request', () => {
  test.each([
    ['a body that is no JSON', '/object/list/names', '{'],
    ['a body of the wrong shape', '/object/list/names', '[]'],
    ['a limit of nothing', '/object/list/names', '{"limit":0}'],
    ['a list of no keys', '/object/sign/names', '{"expiresIn":1,"paths":[]}'],
  ])('is said in the shape of this face: %s', async (_, path, body) => {
    const reply = await send(
      `${server.base}${path}`,
      'POST',
      { ...auth(), 'Content-Type': 'application/json' },
      body,
    )
    expect([reply.status, JSON.parse(reply.text)]).toEqual([
      400,
      { statusCode: '400', error: 'Invalid Request', message: expect.any(String), code: 'InvalidRequest' },
    ])
  })

  test('too much JSON is 413', async () => {
    const body = JSON.stringify({ prefix: 'x'.repeat(1024 * 1024) })
    const reply = await send(
      `${server.base}/object/list/names`,
      'POST',
      { ...auth(), 'Content-Type': 'application/json' },
      body,
    )
    expect([reply.status, JSON.parse(reply.text).code]).toEqual([413, 'EntityTooLarge'])
  })
})

test('the OpenAPI document names every route that clients call', async () => {
  const document = JSON.parse((await send(`${server.base}/openapi.json`, 'GET')).text)
  expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: '/storage/v1' }] })
  expect(Object.keys(document.paths).toSorted()).toEqual([
    '/bucket',
    '/bucket/{id}',
    '/bucket/{id}/empty',
    '/object/authenticated/{bucket}/{key}',
    '/object/copy',
    '/object/info/authenticated/{bucket}/{key}',
    '/object/info/public/{bucket}/{key}',
    '/object/info/{bucket}/{key}',
    '/object/list-v2/{bucket}',
    '/object/list/{bucket}',
    '/object/move',
    '/object/public/{bucket}/{key}',
    '/object/sign/{bucket}',
    '/object/sign/{bucket}/{key}',
    '/object/upload/sign/{bucket}/{key}',
    '/object/{bucket}',
    '/object/{bucket}/{key}',
    '/upload/resumable',
    '/upload/resumable/sign',
    '/upload/resumable/{id}',
  ])
  expect(
    document.paths['/bucket'].post.requestBody.content['application/json'].schema.properties,
  ).toHaveProperty('file_size_limit')
  expect(document.paths['/bucket'].get.parameters.map(({ name }: { name: string }) => name)).toContain(
    'search',
  )
})

test('development mode has a public bucket and a private one, and a key for everyone is enough for the first', async () => {
  const dev = await startStorage({ dev: true })
  try {
    expect((await ok(dev.admin.listBuckets())).map(({ id, public: isPublic }) => [id, isPublic])).toEqual([
      ['documents', false],
      ['files', false],
      ['photos', true],
    ])
    const anyone = dev.as(dev.anon)
    await ok(anyone.from('photos').upload('me.jpg', 'x'))
    expect(await (await fetch(anyone.from('photos').getPublicUrl('me.jpg').data.publicUrl)).text()).toBe('x')
    expect(await failure(anyone.from('documents').upload('x', 'x'))).toMatchObject({ code: 'AccessDenied' })
    await ok(
      dev
        .as(await tokenOf('ada'))
        .from('documents')
        .upload('ada/x', 'x'),
    )
  } finally {
    await dev.close()
  }
})

test('the face stands where PAWL_STORAGE_PREFIX says', async () => {
  const other = await startStorage({ args: ['--storage-prefix', '/api/files'] })
  try {
    const reply = await send(`${other.url}/api/files/bucket`, 'GET', {
      Authorization: `Bearer ${other.service}`,
    })
    expect(reply.status).toBe(200)
    expect((await send(`${other.url}/storage/v1/bucket`, 'GET')).status).toBe(404)
  } finally {
    await other.close()
  }
})

function auth() {
  return { Authorization: `Bearer ${server.service}` }
}

describe('limits', () => {
  test('a quota counts copies, and what moves into a bucket', async () => {
    const small = await startStorage({ args: ['--quota-bucket', '10b'] })
    try {
      for (const id of ['one', 'two']) await ok(small.admin.createBucket(id))
      const one = small.admin.from('one')
      await ok(one.upload('six', '123456'))
      expect(await failure(one.copy('six', 'again'))).toMatchObject({ status: 413, code: 'EntityTooLarge' })
      expect(await failure(one.upload('five', '12345'))).toMatchObject({ status: 413 })
      await ok(one.copy('six', 'copy', { destinationBucket: 'two' }))
      expect(await failure(one.move('six', 'moved', { destinationBucket: 'two' }))).toMatchObject({
        status: 413,
      })
      await ok(small.admin.from('two').remove(['copy']))
      await ok(one.move('six', 'moved', { destinationBucket: 'two' }))
      // What it held is free again.
      await ok(one.upload('ten', '1234567890'))
    } finally {
      await small.close()
    }
  })

  test('too many requests are 429 in JSON, and what resumable clients wait for on their routes', async () => {
    const slow = await startStorage({ args: ['--rate', '1'] })
    try {
      const many = (method: string, path: string) =>
        Promise.all(
          Array.from({ length: 20 }, () =>
            send(`${slow.base}${path}`, method, { ...TUS, Authorization: `Bearer ${slow.service}` }),
          ),
        )
      const refused = (await many('GET', '/bucket')).filter(({ status }) => status !== 200)
      expect(refused.length).toBeGreaterThan(0)
      for (const { status, headers, text } of refused) {
        expect([status, JSON.parse(text).code]).toEqual([429, 'TooManyRequests'])
        expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      }
      const id = '0'.repeat(32)
      expect((await many('HEAD', `/upload/resumable/${id}`)).map(({ status }) => status)).toContain(423)
      expect((await many('POST', '/upload/resumable')).map(({ status }) => status)).toContain(503)
    } finally {
      await slow.close()
    }
  })
})
