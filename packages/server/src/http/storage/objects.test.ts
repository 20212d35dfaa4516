/** Rows of the answers table in docs/design/storage.md, and what can be done with an object that is there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { failure, ok, type StorageServer, startStorage } from '../testing/storage.ts'

let server: StorageServer
const bucket = () => server.admin.from('private')

beforeAll(async () => {
  server = await startStorage({ args: ['--max-size', '5mb'] })
  await ok(server.admin.createBucket('private'))
  await ok(server.admin.createBucket('public', { public: true }))
  await ok(bucket().upload('over', 'four'))
})
afterAll(() => server.close())

test('GET object: ETag, Last-Modified, lengths, ranges and preconditions as in RFC 9110', async () => {
  const bytes = 'The quick brown fox jumps'
  await ok(bucket().upload('page', bytes, { contentType: 'text/html', cacheControl: '60' }))
  const url = `${server.base}/object/private/page`
  const get = (headers: Readonly<Record<string, string>> = {}) => send(url, 'GET', { ...key(), ...headers })
  const whole = await get()
  expect(whole).toMatchObject({ status: 200, text: bytes })
  expect(whole.headers).toMatchObject({
    'content-length': '25',
    'content-type': 'text/html',
    'cache-control': 'max-age=60',
    'accept-ranges': 'bytes',
    'last-modified': expect.any(String),
  })
  const etag = whole.headers.etag ?? ''
  const since = whole.headers['last-modified'] ?? ''
  expect((await send(url, 'HEAD', key())).headers.etag).toBe(etag)
  expect(await get({ Range: 'bytes=4-8' })).toMatchObject({ status: 206, text: 'quick' })
  expect((await get({ Range: 'bytes=0-0,2-3' })).headers['content-type']).toMatch(/^multipart\/byteranges/)
  expect((await get({ Range: 'bytes=4-8', 'If-Range': etag })).status).toBe(206)
  expect((await get({ Range: 'bytes=4-8', 'If-Range': '"x"' })).status).toBe(200)
  for (const list of [etag, `"x", W/${etag}`, '*']) {
    expect((await get({ 'If-None-Match': list })).status).toBe(304)
  }
  expect((await get({ 'If-Modified-Since': since })).status).toBe(304)
  expect((await get({ 'If-Match': etag })).status).toBe(200)
  const past = await get({ Range: 'bytes=99-' })
  expect(past.headers['content-range']).toBe('bytes */25')
  expect([past.status, JSON.parse(past.text).code]).toEqual([416, 'InvalidRange'])
  const other = await get({ 'If-Match': '"x"' })
  expect([other.status, JSON.parse(other.text).code]).toEqual([412, 'PreconditionFailed'])
})

test('a range of an object that was replaced within the second is not given to whoever names its date', async () => {
  const bucket = server.admin.from('private')
  const get = (headers: Readonly<Record<string, string>> = {}) =>
    send(`${server.base}/object/private/replaced`, 'GET', { ...key(), ...headers })
  let [before, after] = ['', '']
  for (let round = 0; before !== after || round === 0; round += 1) {
    await ok(bucket.upload('replaced', 'first', { upsert: true }))
    before = (await get()).headers['last-modified'] ?? ''
    await ok(bucket.upload('replaced', 'other', { upsert: true }))
    after = (await get()).headers['last-modified'] ?? ''
  }
  expect(await get({ Range: 'bytes=2-', 'If-Range': before })).toMatchObject({ status: 200, text: 'other' })
})

test('stored content that a browser could run: nosniff, sandbox and cross-origin on every way to it', async () => {
  await ok(server.admin.from('public').upload('run', '<script>1</script>', { contentType: 'text/html' }))
  const { signedUrl } = await ok(server.admin.from('public').createSignedUrl('run', 60))
  const safe = {
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
    'cross-origin-resource-policy': 'cross-origin',
  }
  for (const url of [
    `${server.base}/object/public/run`,
    `${server.base}/object/public/public/run`,
    `${server.base}/object/authenticated/public/run`,
    signedUrl,
  ]) {
    for (const headers of [key(), { ...key(), Range: 'bytes=0-1' }, { ...key(), 'If-None-Match': '*' }]) {
      expect((await send(url, 'GET', headers)).headers, url).toMatchObject(safe)
    }
  }
})

test('info: everything that is known of an object, by three ways', async () => {
  const options = { contentType: 'text/css', cacheControl: '60', metadata: { a: 1 } }
  const { id } = await ok(server.admin.from('public').upload('told', 'four', options))
  for (const way of ['', 'public/', 'authenticated/']) {
    const url = `${server.base}/object/info/${way}public/told`
    const told = JSON.parse((await send(url, 'GET', key())).text)
    expect(told).toMatchObject({
      id,
      name: 'told',
      version: expect.stringMatching(/^[0-9a-f]{32}$/),
      bucket_id: 'public',
      size: 4,
      content_type: 'text/css',
      cache_control: 'max-age=60',
      metadata: { a: 1 },
    })
    expect(told.etag).toBe(`"${told.version}"`)
    for (const at of [told.last_modified, told.created_at]) expect(Date.parse(at)).toBeGreaterThan(0)
    expect((await send(url, 'HEAD', key())).status).toBe(200)
  }
  expect(JSON.parse((await send(`${server.base}/object/info/public/public/told`, 'GET')).text).id).toBe(id)
  expect((await send(`${server.base}/object/info/public/told`, 'GET')).status).toBe(400)
})

test('copy / move / remove: a full row / a message / the deleted rows', async () => {
  await ok(bucket().upload('journey', 'x', { metadata: { a: 1 } }))
  const post = async (what: string, destinationKey: string) => {
    const body = JSON.stringify({ bucketId: 'private', sourceKey: 'journey', destinationKey })
    const headers = { ...key(), 'Content-Type': 'application/json' }
    return JSON.parse((await send(`${server.base}/object/${what}`, 'POST', headers, body)).text)
  }
  expect(await post('copy', 'journey-2')).toMatchObject({
    Id: expect.any(String),
    Key: 'private/journey-2',
    name: 'journey-2',
    bucket_id: 'private',
    metadata: { size: 1, mimetype: expect.any(String), eTag: expect.any(String) },
    user_metadata: { a: 1 },
  })
  expect(await post('move', 'journey-3')).toMatchObject({ message: 'Successfully moved' })
  const removed = await ok(bucket().remove(['journey-2', 'journey-3', 'journey']))
  expect(removed.map(({ name }) => name)).toEqual(['journey-2', 'journey-3'])
  expect(removed[0]).toMatchObject({ bucket_id: 'private', metadata: { size: 1, httpStatusCode: 200 } })
  expect(await ok(bucket().remove(['journey-2']))).toEqual([])
})

describe('a download', () => {
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

test('an object is removed by its path too', async () => {
  await ok(bucket().upload('dir/one', '1'))
  expect(await send(`${server.base}/object/private/dir/one`, 'DELETE', key())).toMatchObject({
    status: 200,
  })
  expect(await failure(bucket().info('dir/one'))).toMatchObject({ code: 'NoSuchKey' })
})

describe('what is not ours', () => {
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
