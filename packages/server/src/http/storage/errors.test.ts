/** What is wrong with a request is said in the shape that clients of this face read, and says nothing of the inside. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { rawRequest } from '../testing/raw-connection.ts'
import { ok, type StorageServer, startStorage } from '../testing/storage.ts'
import { expectProblem } from '../testing/storage-tus.ts'
import { TUS } from '../testing/test-server.ts'

let server: StorageServer

beforeAll(async () => {
  server = await startStorage()
  await ok(server.admin.createBucket('names', { public: true }))
  await ok(server.admin.from('names').upload('there', 'x'))
})
afterAll(() => server.close())

test('non-tus errors: 400 with the true status in the body; 405, 412, 413, 416 and 501 as themselves', async () => {
  const json = { 'Content-Type': 'application/json' }
  const move = JSON.stringify({ bucketId: 'names', sourceKey: 'there', destinationKey: 'there/..' })
  const taken = JSON.stringify({ id: 'names', name: 'names' })
  for (const [method, path, headers, body, status, statusCode, code] of [
    ['GET', '/object/names/none', {}, undefined, 400, '404', 'NoSuchKey'],
    ['GET', '/bucket/none', {}, undefined, 400, '404', 'NoSuchBucket'],
    ['POST', '/object/names/there', {}, 'x', 400, '409', 'KeyAlreadyExists'],
    ['POST', '/bucket', json, taken, 400, '409', 'BucketAlreadyExists'],
    ['DELETE', '/bucket/names', {}, undefined, 400, '409', 'BucketNotEmpty'],
    ['GET', '/bucket', { Authorization: 'Bearer x' }, undefined, 400, '403', 'InvalidJWT'],
    ['GET', '/object/sign/names/there?token=x', {}, undefined, 400, '400', 'InvalidSignature'],
    ['POST', '/object/move', json, move, 400, '400', 'InvalidKey'],
    ['POST', '/bucket', json, '{"name":"/"}', 400, '400', 'InvalidBucketName'],
    ['POST', '/bucket', json, '{"name":', 400, '400', 'InvalidRequest'],
    ['PATCH', '/bucket', {}, undefined, 405, '405', 'MethodNotAllowed'],
    ['GET', '/object/names/there', { 'If-Match': '"x"' }, undefined, 412, '412', 'PreconditionFailed'],
    ['POST', '/bucket', json, ' '.repeat(1024 * 1024 + 1), 413, '413', 'EntityTooLarge'],
    ['GET', '/object/names/there', { Range: 'bytes=9-' }, undefined, 416, '416', 'InvalidRange'],
    ['GET', '/render/image/x', {}, undefined, 501, '501', 'NotImplemented'],
    ['GET', '/nothing', {}, undefined, 404, '404', 'InvalidRequest'],
  ] as const) {
    const reply = await send(`${server.base}${path}`, method, { ...auth(), ...headers }, body)
    const problem = expectProblem(reply, status)
    expect([problem.statusCode, problem.code], `${method} ${path}`).toEqual([statusCode, code])
  }
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

describe('a request that no route takes', () => {
  test.each([
    ['PATCH', '/bucket', 405],
    ['PUT', '/bucket/names/empty', 405],
    ['PROPFIND', '/object/names/there', 405],
    ['OPTIONS', '/object/move', 405],
    ['PUT', '/upload/resumable', 405],
    ['PUT', `/upload/resumable/${'0'.repeat(32)}`, 405],
    ['GET', '', 404],
    ['GET', '//bucket', 404],
    ['GET', '/bucket/%zz', 400],
    ['GET', `/bucket/${'x'.repeat(3000)}`, 400],
    ['POST', '/bucket?limit=x', 400],
    ['GET', '/bucket?limit=x', 400],
    ['GET', '/object/names', 405],
    ['DELETE', '/object/names/', 400],
  ])('is answered in the same shape: %s %s', async (method, path, status) => {
    const origin = { Origin: 'https://page.example' }
    const headers = { ...TUS, ...auth(), ...origin, 'Content-Type': 'application/json' }
    const reply = await send(`${server.base}${path}`, method, headers)
    expectProblem(reply, status)
    expect(reply.headers['access-control-allow-origin']).toBe('*')
    if (status === 405) expect(reply.headers.allow).toContain('OPTIONS')
  })

  test.each([
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    'nonsense',
    'application/json; charset=x',
  ])('of the type %s is answered in the same shape', async (type) => {
    const reply = await send(`${server.base}/bucket`, 'POST', { ...auth(), 'Content-Type': type }, '{"name":')
    expectProblem(reply, 400)
  })
})

describe('a request that is no proper HTTP/1.1', () => {
  test.each([
    ['two hosts', 'Host: b\r\n', 400],
    ['a coding below chunked', 'Transfer-Encoding: gzip, chunked\r\n', 400],
    ['an expectation that is none', 'Expect: 200-ok\r\n', 417],
  ])('is answered in the same shape: %s', async (_, header, status) => {
    const request = `GET /storage/v1/bucket HTTP/1.1\r\nHost: a\r\n${header}\r\n`
    const reply = await rawRequest(server.port, request)
    expect(reply?.status).toBe(status)
    expect(reply?.headers['access-control-allow-origin']).toBe('*')
    expect(JSON.parse(reply?.body ?? '')).toMatchObject({
      statusCode: String(status),
      message: expect.any(String),
      code: 'InvalidRequest',
    })
  })
})

test('development mode refuses other hosts in the same shape', async () => {
  const dev = await startStorage({ dev: true })
  try {
    const reply = await send(`${dev.base}/bucket`, 'GET', { ...auth(), Host: 'pawl.example' })
    expect(expectProblem(reply, 403).code).toBe('AccessDenied')
  } finally {
    await dev.close()
  }
})

test('metadata that is deeper than a stack is refused, and the server goes on', async () => {
  const deep = `{"a":${'['.repeat(8000)}${']'.repeat(8000)}}`
  const headers = { ...auth(), 'x-metadata': Buffer.from(deep).toString('base64') }
  expectProblem(await send(`${server.base}/object/names/deep`, 'POST', headers, 'x'), 400)
  const journey = { bucketId: 'names', sourceKey: 'there', destinationKey: 'deep', copyMetadata: false }
  const copy = { ...headers, 'Content-Type': 'application/json' }
  expectProblem(await send(`${server.base}/object/copy`, 'POST', copy, JSON.stringify(journey)), 400)
  expectProblem(await send(`${server.base}/object/copy`, 'POST', copy, deep), 400)
  expect((await send(`${server.base}/object/names/there`, 'GET', auth())).text).toBe('x')
})

function auth() {
  return { Authorization: `Bearer ${server.service}` }
}
