/** Whole objects in one request: bodies, forms, details, rules, overwriting. */
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
    ['a type that its bucket does not allow', 'contentType', 'text/html', 'InvalidMimeType'],
    ['a type that is none', 'contentType', 'html', 'InvalidRequest'],
    ['metadata that is none', 'metadata', 'html', 'InvalidRequest'],
  ])('refuses a form that names %s when its upload has begun', async (_, name, value, code) => {
    const begun = new Promise<void>((resolve) => {
      const off = server.server.events.on('upload.created', () => {
        off()
        resolve()
      })
    })
    const body = async function* () {
      yield '--b\r\nContent-Disposition: form-data; name=""; filename="a"\r\nContent-Type: image/png\r\n\r\nbytes'
      await begun
      yield `\r\n--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n--b--\r\n`
    }
    const headers = { ...key(), 'Content-Type': 'multipart/form-data; boundary=b' }
    const reply = await send(`${server.base}/object/small/late`, 'POST', headers, Readable.from(body()))
    expect([reply.status, JSON.parse(reply.text).code]).toEqual([400, code])
    expect(await ok(server.admin.from('small').list())).toEqual([])
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

  test('upload: answers Id and Key, with the ETag and the version', async () => {
    const reply = await send(`${server.base}/object/private/answer`, 'POST', key(), 'x')
    const { Id, Key } = JSON.parse(reply.text)
    expect(Key).toBe('private/answer')
    expect(reply.headers['pawl-object-id']).toBe(Id)
    expect(reply.headers.etag).toBe(`"${reply.headers['pawl-object-version']}"`)
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
