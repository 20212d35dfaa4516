/** Names in any script go round, and names that could mean two things are refused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { ok, type StorageServer, startStorage } from '../testing/storage.ts'
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

test('a prefix that is percent-encoded hides no object from the routes that are found behind it', async () => {
  const path = '/object/info/names/plain'
  expect((await send(`${server.base}/object/names/plain`, 'POST', auth(), 'x')).status).toBe(200)
  const straight = await send(`${server.base}${path}`, 'GET', auth())
  const encoded = await send(`${server.url}/%73%74orage/v1${path}`, 'GET', auth())
  expect([encoded.status, encoded.text]).toEqual([200, straight.text])
})

function auth() {
  return { Authorization: `Bearer ${server.service}` }
}
