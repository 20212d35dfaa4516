/** Rows of the resumable table in docs/design/storage.md, by name: how an upload is created, and why it is not. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { bearer, type Creation, createAt, expectProblem, urlOf } from '../testing/storage-tus.ts'
import { CHUNK, metadataHeader, patch, TUS } from '../testing/test-server.ts'

let server: StorageServer
let ada: string

beforeAll(async () => {
  server = await startStorage({
    policies: [{ action: ['select', 'insert', 'update'], bucket: ['open', 'small'] }],
  })
  await ok(server.admin.createBucket('open'))
  await ok(server.admin.createBucket('closed'))
  await ok(
    server.admin.createBucket('small', { public: false, fileSizeLimit: 10, allowedMimeTypes: ['image/*'] }),
  )
  ada = await tokenOf('ada')
})
afterAll(() => server.close())

let count = 0
const fresh = (): string => {
  count += 1
  return `object-${count}`
}
const create = (creation: Partial<Creation>) => createAt(server, { key: fresh(), token: ada, ...creation })
const info = (key: string) => ok(server.admin.from('open').info(key))

test('metadata keys: bucketName, objectName, contentType, cacheControl and metadata make the object', async () => {
  const key = `${fresh()}/naïve 😀.bin`
  const metadata = { contentType: 'image/png', cacheControl: '60', metadata: '{"by":"ada","ü":[1]}' }
  expect((await create({ key, length: 5, headers: CHUNK, body: 'hello', metadata })).status).toBe(201)
  expect(await info(key)).toMatchObject({
    name: key,
    bucketId: 'open',
    size: 5,
    contentType: 'image/png',
    cacheControl: 'max-age=60',
    metadata: { by: 'ada', ü: [1] },
  })
})

test('create: 201 with Location, Upload-Offset, Upload-Expires; with all data Tus-Complete and the object', async () => {
  const empty = await create({ length: 5 })
  expect(empty.status).toBe(201)
  expect(empty.headers.location).toMatch(/^\/storage\/v1\/upload\/resumable\/[0-9a-f]{44}$/)
  expect(empty.headers['upload-offset']).toBe('0')
  expect(empty.headers['tus-complete']).toBeUndefined()
  expect(Date.parse(empty.headers['upload-expires'] ?? '') - Date.now()).toBeGreaterThan(23 * 3600_000)
  const some = await create({ length: 5, headers: CHUNK, body: 'he' })
  expect([some.headers['upload-offset'], some.headers['tus-complete']]).toEqual(['2', undefined])
  const key = fresh()
  const all = await create({ key, length: 5, headers: CHUNK, body: 'hello' })
  expect(all.headers).toMatchObject({
    'upload-offset': '5',
    'tus-complete': '1',
    etag: expect.any(String),
    'pawl-object-id': expect.any(String),
  })
  expect(await (await ok(server.admin.from('open').download(key))).text()).toBe('hello')
})

test('zero length: complete at once', async () => {
  const key = fresh()
  expect((await create({ key, length: 0 })).headers['tus-complete']).toBe('1')
  expect(await info(key)).toMatchObject({ size: 0 })
})

test('deferred length: 201, 204 while it is unknown, and an end as soon as it is told', async () => {
  const key = fresh()
  const url = await urlOf(server, { key, token: ada })
  expect((await patch(url, 0, 'he', bearer(ada))).status).toBe(204)
  const last = await patch(url, 2, 'llo', { ...bearer(ada), 'Upload-Length': '5' })
  expect([last.status, last.headers['tus-complete']]).toEqual([204, '1'])
  expect(await info(key)).toMatchObject({ size: 5 })
})

test('create on an existing path, no upsert: 400 with what the documentation promises', async () => {
  const key = fresh()
  await create({ key, length: 1, headers: CHUNK, body: 'x' })
  const reply = await create({ key, length: 5 })
  expect(reply.status).toBe(400)
  expect(JSON.parse(reply.text)).toEqual({
    statusCode: '409',
    error: 'Duplicate',
    message: 'Asset Already Exists',
    code: 'KeyAlreadyExists',
  })
  expect((await create({ key, length: 5, headers: { 'x-upsert': 'true' } })).status).toBe(201)
})

test('no JWT / bad JWT / expired JWT: 400 that says 403, readable by pages of any origin', async () => {
  const expired = await tokenOf('ada', { exp: 1000 })
  for (const headers of [{}, bearer('x.y.z'), { Authorization: 'Basic eDp5' }, bearer(expired)]) {
    const origin = { Origin: 'https://page.example' }
    const reply = await send(endpoint(), 'POST', { ...TUS, ...origin, ...headers, 'Upload-Length': '1' })
    expect(expectProblem(reply, 400)).toMatchObject({ statusCode: '403', error: 'Unauthorized' })
    expect(reply.headers['access-control-allow-origin']).toBe('*')
  }
})

test('policy denies: 403 new row violates row-level security policy', async () => {
  const reply = await create({ bucket: 'closed', length: 5 })
  expect(expectProblem(reply, 403).message).toBe('new row violates row-level security policy')
})

test('no metadata / no bucketName / no objectName: 400 with the words that clients know', async () => {
  for (const [metadata, message] of [
    [undefined, 'Metadata header is required'],
    [metadataHeader({ objectName: 'x' }), 'Bucket name invalid'],
    [metadataHeader({ bucketName: 'open' }), 'Invalid key: '],
  ] as const) {
    const told = metadata === undefined ? {} : { 'Upload-Metadata': metadata }
    const reply = await send(endpoint(), 'POST', { ...TUS, ...bearer(ada), 'Upload-Length': '5', ...told })
    expect(expectProblem(reply, 400).message).toBe(message)
  }
})

test('unknown bucket: 404 for the service role, who may know; 403 for others, as if it were closed', async () => {
  const unknown = { bucket: 'nowhere', key: 'x', length: 5 }
  expect(expectProblem(await create({ ...unknown, token: server.service }), 404).code).toBe('NoSuchBucket')
  const closed = await create({ bucket: 'closed', key: 'x', length: 5 })
  expect(expectProblem(await create(unknown), 403)).toEqual(expectProblem(closed, 403))
})

test('bucket file_size_limit: 413, also while a deferred length grows', async () => {
  const image = { bucket: 'small', metadata: { contentType: 'image/png' } }
  expect(expectProblem(await create({ ...image, length: 11 }), 413).message).toContain('exceeded')
  const url = await urlOf(server, { ...image, key: fresh(), token: ada })
  expect(expectProblem(await patch(url, 0, 'x'.repeat(11), bearer(ada)), 413).message).toBe(
    'Maximum size exceeded',
  )
  expect((await patch(url, 0, 'x'.repeat(8), bearer(ada))).status).toBe(204)
  expectProblem(await patch(url, 8, 'xxx', bearer(ada)), 413)
  expectProblem(await patch(url, 8, 'x', { ...bearer(ada), 'Upload-Length': '11' }), 413)
})

test('bucket allowed_mime_types: 415, a missing type is octet-stream, parameters do not count, wildcards fit', async () => {
  const typed = (contentType: string | undefined) =>
    create({ bucket: 'small', length: 5, metadata: contentType === undefined ? {} : { contentType } })
  expect(expectProblem(await typed('video/mp4'), 415).message).toContain('mime type video/mp4')
  expect(expectProblem(await typed(undefined), 415).message).toContain('application/octet-stream')
  expectProblem(await typed('text/plain; image/png'), 400)
  for (const fitting of ['image/png', 'image/webp; q=1', 'IMAGE/GIF']) {
    expect((await typed(fitting)).status, fitting).toBe(201)
  }
})

test('invalid metadata JSON: 400, and also what is no object, too long or too deep', async () => {
  const deep = `{"a":${'['.repeat(3000)}${']'.repeat(3000)}}`
  for (const json of ['{', '[]', '1', 'null', `{"a":"${'x'.repeat(16 * 1024)}"}`, deep]) {
    const reply = await create({ length: 5, metadata: { metadata: json } })
    expectProblem(reply, 400)
  }
  // Nothing of it was taken for another request's fault.
  expect((await create({ length: 5, metadata: { metadata: '{"a":[[[1]]]}' } })).status).toBe(201)
})

test('cacheControl: seconds become max-age, what is none is not cached, negative is 400', async () => {
  for (const [given, kept] of [
    ['3600', 'max-age=3600'],
    ['0', 'max-age=0'],
    ['soon', 'no-cache'],
    [undefined, 'no-cache'],
  ] as const) {
    const key = fresh()
    await create({ key, length: 0, metadata: given === undefined ? {} : { cacheControl: given } })
    expect(await info(key)).toMatchObject({ cacheControl: kept })
  }
  expectProblem(await create({ length: 5, metadata: { cacheControl: '-5' } }), 400)
})

test('object names: any Unicode as it was sent up to 1,024 bytes, and none that means two things', async () => {
  for (const key of ['e\u0301', '\u00e9', '👩‍👩‍👧‍👦/\u202ex', `${'x'.repeat(256)}/${'é'.repeat(383)}x`]) {
    expect((await create({ key, length: 0 })).status, key).toBe(201)
    expect((await info(key)).name).toBe(key)
  }
  const wrong = [
    'a/../b',
    '.',
    '..',
    'a//b',
    '/a',
    'a/',
    'a\u0000b',
    'a\nb',
    'a\u0085',
    'a\\b',
    `x${'é'.repeat(512)}`,
  ]
  for (const key of wrong) {
    expect(expectProblem(await create({ key, length: 5 }), 400).message).toMatch(/^Invalid key: /)
  }
})

test('a content type that is none is refused', async () => {
  expectProblem(await create({ length: 5, metadata: { contentType: 'png' } }), 400)
})

function endpoint(): string {
  return `${server.base}/upload/resumable`
}
