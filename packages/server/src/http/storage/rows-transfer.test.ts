/** Rows of the resumable table in docs/design/storage.md, by name: an upload under way, and its end. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { bearer, createAt, expectProblem, look, urlOf } from '../testing/storage-tus.ts'
import { CHUNK, metadataHeader, patch, TUS } from '../testing/test-server.ts'

let server: StorageServer
let ada: string
let bob: string

beforeAll(async () => {
  server = await startStorage({ policies: [{ action: ['select', 'insert', 'update'], bucket: 'open' }] })
  await ok(server.admin.createBucket('open'))
  ada = await tokenOf('ada')
  bob = await tokenOf('bob')
})
afterAll(() => server.close())

let count = 0
const fresh = (): string => {
  count += 1
  return `object-${count}`
}
const begun = (token = ada) => urlOf(server, { key: fresh(), length: 5, token })
const text = async (key: string) => (await ok(server.admin.from('open').download(key))).text()

test('HEAD: offset, length, metadata, expiry for the owner and the service role; 404 for everyone else', async () => {
  const url = await begun()
  const seen = await look(url, ada)
  expect(seen.status).toBe(200)
  expect(seen.headers).toMatchObject({
    'upload-offset': '0',
    'upload-length': '5',
    'cache-control': 'no-store',
    'upload-expires': expect.any(String),
    'upload-metadata': expect.stringContaining('bucketName'),
  })
  expect((await look(url, server.service)).status).toBe(200)
  for (const token of [bob, server.anon]) expect((await look(url, token)).status).toBe(404)
  expectProblem(await patch(url, 0, 'x', bearer(bob)), 404)
  expectProblem(await send(url, 'DELETE', { ...TUS, ...bearer(bob) }), 404)
})

test("an upload of the anon key is anyone's who has the anon key and the URL", async () => {
  const url = await begun(server.anon)
  expect((await look(url, server.anon)).status).toBe(200)
  expect((await look(url, ada)).status).toBe(404)
})

test('a token that expired within a day may look, and takes no byte further', async () => {
  const url = await begun()
  const late = await tokenOf('ada', { exp: Math.floor(Date.now() / 1000) - 3600 })
  expect((await look(url, late)).status).toBe(200)
  expectProblem(await patch(url, 0, 'x', bearer(late)), 400)
  const tooLate = await tokenOf('ada', { exp: Math.floor(Date.now() / 1000) - 25 * 3600 })
  expect((await look(url, tooLate)).status).toBe(400)
})

test('final PATCH: 204, Upload-Offset, Tus-Complete and the object; a repeat gets the same', async () => {
  const url = await begun()
  const last = await patch(url, 0, 'hello', bearer(ada))
  expect(last.status).toBe(204)
  expect(last.headers).toMatchObject({
    'upload-offset': '5',
    'tus-complete': '1',
    etag: expect.any(String),
    'pawl-object-id': expect.any(String),
    'pawl-object-version': expect.any(String),
  })
  // It is computed beside the data, and told if it is there in time.
  const digest = 'sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:'
  expect([undefined, digest]).toContain(last.headers['repr-digest'])
  const again = await patch(url, 5, '', bearer(ada))
  expect([again.status, again.headers.etag, again.headers['pawl-object-id']]).toEqual([
    204,
    last.headers.etag,
    last.headers['pawl-object-id'],
  ])
})

test('wrong offset: 409 with Upload-Offset', async () => {
  const url = await begun()
  const wrong = await patch(url, 3, 'x', bearer(ada))
  expectProblem(wrong, 409)
  expect(wrong.headers['upload-offset']).toBe('0')
})

test('no Upload-Offset: 400', async () => {
  expectProblem(await send(await begun(), 'PATCH', { ...CHUNK, ...bearer(ada) }, 'x'), 400)
})

test('over the remaining length: 413, nothing written, chunked or not', async () => {
  const url = await begun()
  expectProblem(await patch(url, 0, '123456', bearer(ada)), 413)
  const chunked = { ...CHUNK, ...bearer(ada), 'Upload-Offset': '0' }
  expectProblem(await send(url, 'PATCH', chunked, ['123', '456']), 413)
  expect((await look(url, ada)).headers['upload-offset']).toBe('0')
})

test('two URLs, same path, no upsert: the first to finish wins; the others 409, then 410, and 400 anew', async () => {
  const key = fresh()
  const one = { key, length: 1, token: ada }
  const [first, second] = [await urlOf(server, one), await urlOf(server, one)]
  expect((await patch(second, 0, '2', bearer(ada))).status).toBe(204)
  expectProblem(await patch(first, 0, '1', bearer(ada)), 409)
  expectProblem(await patch(first, 1, '', bearer(ada)), 409)
  expect((await look(first, ada)).status).toBe(410)
  expect(expectProblem(await createAt(server, one), 400).message).toBe('Asset Already Exists')
  expect(await text(key)).toBe('2')
})

test('same with x-upsert: true: said at creation only, the last to finish wins', async () => {
  const key = fresh()
  const one = { key, length: 1, token: ada, headers: { 'x-upsert': 'true' } }
  const [first, second] = [await urlOf(server, one), await urlOf(server, one)]
  expect((await patch(second, 0, '2', bearer(ada))).status).toBe(204)
  expect((await patch(first, 0, '1', bearer(ada))).status).toBe(204)
  expect(await text(key)).toBe('1')
})

test('unknown id / garbage id: 404 / 404', async () => {
  for (const id of ['0'.repeat(32), 'garbage', '%2e%2e', '0'.repeat(32).concat('/x')]) {
    const url = `${endpoint()}/${id}`
    expectProblem(await patch(url, 0, 'x', bearer(ada)), 404)
    expect((await look(url, ada)).status).toBe(404)
  }
})

test('DELETE unfinished / again: 204 / 404', async () => {
  const url = await begun()
  expect((await send(url, 'DELETE', { ...TUS, ...bearer(ada) })).status).toBe(204)
  expectProblem(await send(url, 'DELETE', { ...TUS, ...bearer(ada) }), 404)
})

test('Upload-Concat, Upload-Checksum: supported', async () => {
  const options = await send(endpoint(), 'OPTIONS')
  expect([options.status, options.headers['tus-version']]).toEqual([204, '1.0.0'])
  expect(options.headers['tus-extension']).toContain('concatenation')
  const url = await begun()
  expectProblem(await patch(url, 0, 'hello', { ...bearer(ada), 'Upload-Checksum': 'crc32 AAAAAA==' }), 460)
  const right = await patch(url, 0, 'hello', { ...bearer(ada), 'Upload-Checksum': 'crc32 NhCmhg==' })
  expect(right.status).toBe(204)
  const parts: string[] = []
  for (const bytes of ['he', 'llo']) {
    const headers = {
      ...CHUNK,
      ...bearer(ada),
      'Upload-Concat': 'partial',
      'Upload-Length': String(bytes.length),
    }
    parts.push((await send(endpoint(), 'POST', headers, bytes)).headers.location ?? '')
  }
  const key = fresh()
  const join = (list: readonly string[], headers: Readonly<Record<string, string>> = {}) =>
    send(endpoint(), 'POST', {
      ...TUS,
      ...bearer(ada),
      'Upload-Concat': `final;${list.join(' ')}`,
      'Upload-Metadata': metadataHeader({ bucketName: 'open', objectName: key }),
      ...headers,
    })
  const joined = await join(parts)
  expect(joined.status).toBe(201)
  expect(await text(key)).toBe('hello')
  // Its answer was lost.
  const repeated = await join(parts)
  expect([repeated.status, repeated.headers.location]).toEqual([201, joined.headers.location])
  // Another list for the same path is refused as any other upload is, and may take the place when that is wished.
  const other = [...parts].reverse()
  expect(expectProblem(await join(other), 400).message).toBe('Asset Already Exists')
  expect((await join(other, { 'x-upsert': 'true' })).status).toBe(201)
  expect(await text(key)).toBe('llohe')
})

test('an upload belongs to this face: the plain endpoint does not know it, nor this one those of the plain one', async () => {
  const url = await begun()
  const id = url.slice(url.lastIndexOf('/') + 1)
  expect((await look(`${server.url}/files/${id}`, ada)).status).toBe(404)
  const headers = { ...TUS, ...bearer(ada), 'Upload-Length': '5' }
  const plain = await send(`${server.url}/files/`, 'POST', headers)
  const other = plain.headers.location?.slice('/files/'.length)
  expect((await look(`${endpoint()}/${other}`, ada)).status).toBe(404)
})

function endpoint(): string {
  return `${server.base}/upload/resumable`
}
