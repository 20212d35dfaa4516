/** Objects, by every method of the vendor's own client that has a route here. */
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { failure, ok, type StorageServer, startStorage } from '../testing/storage.ts'

let server: StorageServer
const bucket = () => server.admin.from('private')
const text = async (path: string, from = bucket()): Promise<string> => (await ok(from.download(path))).text()

beforeAll(async () => {
  server = await startStorage({ args: ['--max-size', '5mb'] })
  await ok(server.admin.createBucket('private'))
  await ok(server.admin.createBucket('public', { public: true }))
  await ok(
    server.admin.createBucket('small', {
      public: false,
      fileSizeLimit: 10,
      allowedMimeTypes: ['image/*', 'text/plain'],
    }),
  )
})
afterAll(() => server.close())

describe('a standard upload', () => {
  test.each([
    ['text', () => 'hello'],
    ['bytes', () => Buffer.from('hello')],
    ['a blob, as a form', () => new Blob(['hello'], { type: 'text/css' })],
    ['a form', () => formWith('hello')],
    ['a stream of Node', () => Readable.from(['he', 'llo'])],
    ['a web stream', () => new Blob(['hello']).stream()],
  ])('takes %s', async (name, body) => {
    const path = `bodies/${name}.txt`
    const { id, fullPath } = await ok(bucket().upload(path, body()))
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(fullPath).toBe(`private/${path}`)
    expect(await text(path)).toBe('hello')
  })

  test.each([
    ['raw', () => Buffer.alloc(0)],
    ['in a form', () => new Blob([])],
    ['in a stream', () => Readable.from([])],
  ])('may be empty: %s', async (name, body) => {
    await ok(bucket().upload(`empty/${name}`, body()))
    expect(await ok(bucket().info(`empty/${name}`))).toMatchObject({ size: 0 })
    expect(await text(`empty/${name}`)).toBe('')
  })

  test('keeps its content type, cache control and metadata, raw or as a form', async () => {
    const options = { contentType: 'image/png', cacheControl: '60', metadata: { a: 1, ü: ['x'] } }
    await ok(bucket().upload('details/raw', Buffer.from('x'), options))
    await ok(bucket().upload('details/form', new Blob(['x'], { type: 'image/png' }), options))
    for (const path of ['details/raw', 'details/form']) {
      expect(await ok(bucket().info(path))).toMatchObject({
        name: path,
        bucketId: 'private',
        contentType: 'image/png',
        cacheControl: 'max-age=60',
        metadata: { a: 1, ü: ['x'] },
      })
    }
  })

  test('takes what a form says behind its file', async () => {
    const body = [
      '--b\r\nContent-Disposition: form-data; name=""; filename="a"\r\nContent-Type: text/css\r\n\r\nbytes',
      '--b\r\nContent-Disposition: form-data; name="cacheControl"\r\n\r\n77',
      '--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{"late":true}',
      '--b--\r\n',
    ].join('\r\n')
    const reply = await send(
      `${server.base}/object/private/late`,
      'POST',
      { ...key(), 'Content-Type': 'multipart/form-data; boundary=b' },
      body,
    )
    expect(reply).toMatchObject({ status: 200 })
    expect(await ok(bucket().info('late'))).toMatchObject({
      contentType: 'text/css',
      cacheControl: 'max-age=77',
      metadata: { late: true },
    })
  })

  test.each([
    ['that has no file', '--b--\r\n'],
    ['that ends in the middle', '--b\r\nContent-Disposition: form-data; name=""; filename="a"\r\n\r\nhalf'],
    ['with two files', twoFiles()],
  ])('refuses a form %s, and keeps nothing of it', async (name, body) => {
    const headers = { ...key(), 'Content-Type': 'multipart/form-data; boundary=b' }
    const reply = await send(`${server.base}/object/private/broken-form`, 'POST', headers, body).catch(
      () => undefined,
    )
    // Where the end of the upload cannot be told the connection is closed without a word.
    if (reply !== undefined) expect(reply.status, name).toBe(400)
    expect(await failure(bucket().info('broken-form'))).toMatchObject({ code: 'NoSuchKey' })
  })

  test('does not overwrite, unless it is asked to', async () => {
    const first = await ok(bucket().upload('over', 'one'))
    expect(await failure(bucket().upload('over', 'two'))).toMatchObject({
      status: 400,
      statusCode: '409',
      code: 'KeyAlreadyExists',
      message: 'The resource already exists',
    })
    expect(await text('over')).toBe('one')
    const second = await ok(bucket().upload('over', 'three', { upsert: true }))
    expect(await text('over')).toBe('three')
    const third = await ok(bucket().update('over', 'four'))
    expect(await text('over')).toBe('four')
    expect([second.id, third.id]).toEqual([first.id, first.id])
  })

  test.each([
    ['too large, raw', () => Buffer.alloc(11), 'text/plain', 413, 'EntityTooLarge'],
    [
      'too large, as a stream',
      () => Readable.from(['123456', '789012']),
      'text/plain',
      413,
      'EntityTooLarge',
    ],
    [
      'too large, as a form',
      () => new Blob(['12345678901'], { type: 'text/plain' }),
      'text/plain',
      413,
      'EntityTooLarge',
    ],
    ['of a type that is not allowed', () => 'x', 'video/mp4', 400, 'InvalidMimeType'],
    ['of no type', () => 'x', '', 400, 'InvalidMimeType'],
  ])('is refused by the rules of its bucket: %s', async (_, body, contentType, status, code) => {
    const error = await failure(server.admin.from('small').upload('x', body(), { contentType }))
    expect(error).toMatchObject({ status, code })
    expect(await ok(server.admin.from('small').list())).toEqual([])
  })

  test('is allowed by wildcards and with parameters on its type', async () => {
    const small = server.admin.from('small')
    await ok(small.upload('a', 'x', { contentType: 'image/webp' }))
    await ok(small.upload('b', 'x', { contentType: 'text/plain;charset=UTF-8' }))
    await ok(small.remove(['a', 'b']))
  })

  test('over the limit of the server is 413', async () => {
    expect(await failure(bucket().upload('huge', Buffer.alloc(5_000_001)))).toMatchObject({ status: 413 })
  })

  test.each([
    ['a negative cache control', { 'Cache-Control': 'max-age=-5' }],
    ['metadata that is no JSON', { 'x-metadata': 'e30tbm8=' }],
    ['a content type that is none', { 'Content-Type': 'text' }],
  ])('refuses %s', async (_, headers) => {
    const reply = await send(`${server.base}/object/private/bad`, 'POST', { ...key(), ...headers }, 'x')
    expect(reply.status).toBe(400)
    expect(JSON.parse(reply.text)).toMatchObject({ statusCode: '400' })
  })

  test('answers with the object id, its ETag and its version', async () => {
    const reply = await send(`${server.base}/object/private/answer`, 'POST', key(), 'x')
    const { Id, Key } = JSON.parse(reply.text)
    expect(Key).toBe('private/answer')
    expect(reply.headers['pawl-object-id']).toBe(Id)
    expect(reply.headers.etag).toBe(`"${reply.headers['pawl-object-version']}"`)
  })
})

describe('a download', () => {
  test('has what RFC 9110 asks for, and what keeps a browser from running it', async () => {
    await ok(
      bucket().upload('page', '<script>alert(1)</script>', { contentType: 'text/html', cacheControl: '60' }),
    )
    const url = `${server.base}/object/private/page`
    const whole = await send(url, 'GET', key())
    expect(whole).toMatchObject({ status: 200, text: '<script>alert(1)</script>' })
    expect(whole.headers).toMatchObject({
      'content-length': '25',
      'cache-control': 'max-age=60',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
      'cross-origin-resource-policy': 'cross-origin',
      'last-modified': expect.any(String),
    })
    const etag = whole.headers.etag ?? ''
    expect((await send(url, 'HEAD', key())).headers.etag).toBe(etag)
    expect(await send(url, 'GET', { ...key(), Range: 'bytes=1-6' })).toMatchObject({
      status: 206,
      text: 'script',
    })
    expect((await send(url, 'GET', { ...key(), Range: 'bytes=0-0,2-3' })).headers['content-type']).toMatch(
      /^multipart\/byteranges/,
    )
    for (const list of [etag, `"x", W/${etag}`, '*']) {
      expect((await send(url, 'GET', { ...key(), 'If-None-Match': list })).status).toBe(304)
    }
    expect(
      (await send(url, 'GET', { ...key(), 'If-Modified-Since': whole.headers['last-modified'] ?? '' }))
        .status,
    ).toBe(304)
    const past = await send(url, 'GET', { ...key(), Range: 'bytes=99-' })
    expect(past.headers['content-range']).toBe('bytes */25')
    expect([past.status, JSON.parse(past.text).code]).toEqual([416, 'InvalidRange'])
    const other = await send(url, 'GET', { ...key(), 'If-Match': '"x"' })
    expect([other.status, JSON.parse(other.text).code]).toEqual([412, 'PreconditionFailed'])
  })

  test('is offered for saving with ?download, under the name it gives or its own', async () => {
    await ok(server.admin.from('public').upload('dir/naïve.txt', 'x'))
    const open = (query: string) =>
      send(`${server.base}/object/public/public/dir/na%C3%AFve.txt${query}`, 'GET')
    expect((await open('')).headers['content-disposition']).toBe('inline')
    expect((await open('?download')).headers['content-disposition']).toContain(
      "filename*=UTF-8''na%C3%AFve.txt",
    )
    expect((await open('?download=caf%C3%A9.txt')).headers['content-disposition']).toContain(
      "filename*=UTF-8''caf%C3%A9.txt",
    )
  })

  test('needs no key from a public bucket, and one from a private bucket', async () => {
    const { publicUrl } = server.admin.from('public').getPublicUrl('dir/naïve.txt').data
    expect(await (await fetch(publicUrl)).text()).toBe('x')
    expect(await send(`${server.base}/object/public/private/over`, 'GET')).toMatchObject({ status: 400 })
    const without = await send(`${server.base}/object/private/over`, 'GET')
    expect([without.status, JSON.parse(without.text)]).toEqual([
      400,
      { statusCode: '403', error: 'Unauthorized', message: expect.any(String), code: 'InvalidJWT' },
    ])
    expect((await send(`${server.base}/object/authenticated/private/over`, 'GET', key())).text).toBe('four')
    expect((await send(`${server.base}/object/private/over`, 'GET', { apikey: server.service })).text).toBe(
      'four',
    )
  })

  test('of what is not there is NoSuchKey, and exists says so', async () => {
    expect(
      await failure(
        bucket()
          .download('nothing')
          .then((answer) => answer),
      ),
    ).toMatchObject({ statusCode: '404' })
    expect(await bucket().exists('nothing')).toMatchObject({ data: false })
    expect(await ok(bucket().exists('over'))).toBe(true)
  })

  test('streams', async () => {
    const stream = await ok(bucket().download('over').asStream())
    expect(await new Response(stream).text()).toBe('four')
  })

  test('in a coding that it was uploaded in names the coding', async () => {
    await ok(bucket().upload('coded', 'x', { contentEncoding: 'x-test' }))
    expect(
      (await send(`${server.base}/object/private/coded`, 'GET', key())).headers['content-encoding'],
    ).toBe('x-test')
  })
})

describe('move and copy', () => {
  test('a moved object has its id and its bytes under another name, also in another bucket', async () => {
    const { id } = await ok(bucket().upload('moving', 'm', { metadata: { a: 1 } }))
    expect(await ok(bucket().move('moving', 'moved'))).toMatchObject({ message: 'Successfully moved' })
    expect(await ok(bucket().info('moved'))).toMatchObject({ id, metadata: { a: 1 } })
    await ok(bucket().move('moved', 'moved', { destinationBucket: 'public' }))
    expect(await failure(bucket().info('moved'))).toMatchObject({ code: 'NoSuchKey' })
    expect(await text('moved', server.admin.from('public'))).toBe('m')
  })

  test('a copy stays when its source goes', async () => {
    await ok(bucket().upload('source', 'copied', { contentType: 'text/css', metadata: { a: 1 } }))
    expect(await ok(bucket().copy('source', 'copy'))).toEqual({ path: 'private/copy' })
    await ok(bucket().remove(['source']))
    expect(await text('copy')).toBe('copied')
    expect(await ok(bucket().info('copy'))).toMatchObject({ contentType: 'text/css', metadata: { a: 1 } })
    await ok(
      bucket().copy('copy', 'plain', {
        copyMetadata: false,
        metadata: { cacheControl: '5', mimetype: 'text/html' },
      }),
    )
    expect(await ok(bucket().info('plain'))).toMatchObject({
      contentType: 'text/html',
      cacheControl: 'max-age=5',
      metadata: {},
    })
  })

  test('do not overwrite, and need a source and a bucket', async () => {
    await ok(bucket().upload('a1', '1'))
    await ok(bucket().upload('a2', '2'))
    expect(await failure(bucket().move('a1', 'a2'))).toMatchObject({ code: 'KeyAlreadyExists' })
    expect(await failure(bucket().copy('a1', 'a2'))).toMatchObject({ code: 'KeyAlreadyExists' })
    expect(await failure(bucket().copy('none', 'a3'))).toMatchObject({ code: 'NoSuchKey' })
    expect(await failure(bucket().move('a1', 'a3', { destinationBucket: 'none' }))).toMatchObject({
      code: 'NoSuchBucket',
    })
    const body = JSON.stringify({ bucketId: 'private', sourceKey: 'a1', destinationKey: 'a2' })
    const reply = await send(
      `${server.base}/object/copy`,
      'POST',
      { ...key(), 'x-upsert': 'true', 'Content-Type': 'application/json' },
      body,
    )
    expect(JSON.parse(reply.text)).toMatchObject({ Key: 'private/a2', metadata: { size: 1 } })
    expect(await text('a2')).toBe('1')
  })

  test('obey the rules of the bucket they go to', async () => {
    await ok(bucket().upload('long', 'longer than ten bytes'))
    expect(await failure(bucket().copy('long', 'x', { destinationBucket: 'small' }))).toMatchObject({
      code: 'EntityTooLarge',
    })
    expect(await failure(bucket().move('long', 'x', { destinationBucket: 'small' }))).toMatchObject({
      code: 'EntityTooLarge',
    })
  })
})

describe('remove', () => {
  test('answers with the rows of what it removed', async () => {
    await ok(bucket().upload('r1', '1'))
    await ok(bucket().upload('r2', '2'))
    const removed = await ok(bucket().remove(['r1', 'r2', 'r3']))
    expect(removed.map(({ name }) => name)).toEqual(['r1', 'r2'])
    expect(removed[0]).toMatchObject({
      bucket_id: 'private',
      metadata: { size: 1, mimetype: expect.any(String), eTag: expect.any(String), httpStatusCode: 200 },
    })
    expect(await ok(bucket().remove(['r1']))).toEqual([])
  })

  test('takes one by its path too', async () => {
    await ok(bucket().upload('dir/one', '1'))
    expect(await send(`${server.base}/object/private/dir/one`, 'DELETE', key())).toMatchObject({
      status: 200,
    })
    expect(await failure(bucket().info('dir/one'))).toMatchObject({ code: 'NoSuchKey' })
  })
})

describe('what the original has and this has not', () => {
  test.each([
    ['render', 'GET', '/render/image/public/private/over'],
    ['versions', 'GET', '/object/private/over?versionId=1'],
    ['cdn', 'DELETE', '/cdn/private/over'],
    ['vectors', 'POST', '/vector/ListIndexes'],
  ])('is answered 501: %s', async (_, method, path) => {
    const reply = await send(`${server.base}${path}`, method, key())
    expect([reply.status, JSON.parse(reply.text).code]).toEqual([501, 'NotImplemented'])
  })
})

function key() {
  return { Authorization: `Bearer ${server.service}` }
}

function formWith(bytes: string): FormData {
  const form = new FormData()
  form.append('', new Blob([bytes]), 'name.txt')
  return form
}

function twoFiles(): string {
  const part = '--b\r\nContent-Disposition: form-data; name=""; filename="a"\r\n\r\nx\r\n'
  return `${part}${part}--b--\r\n`
}
