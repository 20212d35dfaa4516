/** Signed URLs and tokens: what each allows, and everything that it does not. */
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Reply, send } from '../testing/client.ts'
import { failure, ok, SECRET, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { metadataHeader, patch, TUS } from '../testing/test-server.ts'

let server: StorageServer
const bucket = () => server.admin.from('docs')

beforeAll(async () => {
  server = await startStorage({
    policies: [{ action: ['select', 'insert', 'update'], role: 'authenticated', prefix: '{sub}/' }],
  })
  await ok(server.admin.createBucket('docs'))
  await ok(server.admin.createBucket('other'))
  await ok(bucket().upload('ada/read.txt', 'read me'))
})
afterAll(() => server.close())

describe('a signed download URL', () => {
  test('sign: a URL that reads one object without a key, also under another name', async () => {
    const { signedUrl } = await ok(bucket().createSignedUrl('ada/read.txt', 60))
    expect(await (await fetch(signedUrl)).text()).toBe('read me')
    const named = await ok(bucket().createSignedUrl('ada/read.txt', 60, { download: 'a name.txt' }))
    const reply = await fetch(named.signedUrl)
    expect(reply.headers.get('content-disposition')).toBe('attachment; filename="a name.txt"')
    const plain = await ok(bucket().createSignedUrl('ada/read.txt', 60, { download: true }))
    expect((await fetch(plain.signedUrl)).headers.get('content-disposition')).toBe(
      'attachment; filename=read.txt',
    )
  })

  test('is made for many, and says which there is none for', async () => {
    const [there, missing] = await ok(bucket().createSignedUrls(['ada/read.txt', 'no'], 60))
    expect(await (await fetch(there?.signedUrl ?? '')).text()).toBe('read me')
    expect(missing).toMatchObject({ path: 'no', signedUrl: null, error: expect.any(String) })
  })

  test('is made by those only who may read the object', async () => {
    const ada = server.as(await tokenOf('ada')).from('docs')
    await ok(ada.createSignedUrl('ada/read.txt', 60))
    const bob = server.as(await tokenOf('bob')).from('docs')
    expect(await failure(bob.createSignedUrl('ada/read.txt', 60))).toMatchObject({ code: 'NoSuchKey' })
  })

  test('is refused for another object, without a token, and after its time', async () => {
    await ok(bucket().upload('ada/secret.txt', 'secret'))
    const { signedUrl } = await ok(bucket().createSignedUrl('ada/read.txt', 60))
    expectRefused(await send(signedUrl.replace('read.txt', 'secret.txt'), 'GET'))
    expectRefused(await send(signedUrl.replace('/docs/', '/other/'), 'GET'))
    expectRefused(await send(signedUrl.replace(/\?.*/, ''), 'GET'))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    try {
      expectRefused(await send(signedUrl, 'GET'))
    } finally {
      vi.useRealTimers()
    }
  })

  test.each([0, -1, 1.5, 1e12])('is not made for %d seconds', async (seconds) => {
    expect(await failure(bucket().createSignedUrl('ada/read.txt', seconds))).toMatchObject({ status: 400 })
  })
})

describe('a signed upload URL', () => {
  test('uploads to its path, once', async () => {
    const { token, path } = await ok(bucket().createSignedUploadUrl('up/one.txt'))
    expect(path).toBe('up/one.txt')
    expect(await ok(bucket().uploadToSignedUrl('up/one.txt', token, 'one'))).toEqual({
      path: 'up/one.txt',
      fullPath: 'docs/up/one.txt',
    })
    expect(await failure(bucket().uploadToSignedUrl('up/one.txt', token, 'two'))).toMatchObject({
      code: 'KeyAlreadyExists',
    })
    expect(
      await failure(bucket().uploadToSignedUrl('up/one.txt', token, 'two', { upsert: true })),
    ).toMatchObject({ code: 'KeyAlreadyExists' })
    expect(await failure(bucket().createSignedUploadUrl('up/one.txt'))).toMatchObject({
      code: 'KeyAlreadyExists',
    })
  })

  test('signed with upsert overwrites', async () => {
    await ok(bucket().upload('up/again.txt', '1'))
    const { token } = await ok(bucket().createSignedUploadUrl('up/again.txt', { upsert: true }))
    await ok(bucket().uploadToSignedUrl('up/again.txt', token, new Blob(['2'])))
    expect(await (await ok(bucket().download('up/again.txt'))).text()).toBe('2')
  })

  test('is made by those only who may upload there', async () => {
    const bob = server.as(await tokenOf('bob')).from('docs')
    expect(await failure(bob.createSignedUploadUrl('ada/x'))).toMatchObject({ code: 'AccessDenied' })
    await ok(bob.createSignedUploadUrl('bob/x'))
  })
})

describe('a signed token on resumable routes', () => {
  test.each(['/sign', ''])(
    'uploads to its path, and goes on alone: at /upload/resumable%s',
    async (mount) => {
      const key = `tus${mount}/a`
      const { token } = await ok(bucket().createSignedUploadUrl(key))
      const made = await create(token, key, mount)
      expect(made.headers.location).toMatch(new RegExp(`^/storage/v1/upload/resumable${mount}/[0-9a-f]{44}$`))
      const url = new URL(made.headers.location ?? '', server.url).href
      const holder = { 'x-signature': token }
      expect((await send(url, 'HEAD', { ...TUS, ...holder })).status).toBe(200)
      expect((await send(url, 'HEAD', { ...TUS, Authorization: `Bearer ${server.anon}` })).status).toBe(404)
      expect(
        (await send(url, 'HEAD', { ...TUS, Authorization: `Bearer ${await tokenOf('ada')}` })).status,
      ).toBe(404)
      expect((await patch(url, 0, 'he', holder)).status).toBe(204)
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 3600_000 })
      try {
        // Its own time is over, the upload's is not.
        expect((await patch(url, 2, 'llo', holder)).status).toBe(204)
        expectRefused(await create(token, key, mount))
      } finally {
        vi.useRealTimers()
      }
      expect(await (await ok(bucket().download(key))).text()).toBe('hello')
    },
  )

  test.each(['/sign', ''])(
    'does not overwrite when it was signed without upsert: at /upload/resumable%s',
    async (mount) => {
      const key = `keep${mount}/a`
      const { token } = await ok(bucket().createSignedUploadUrl(key))
      await ok(bucket().upload(key, 'kept'))
      expect((await create(token, key, mount, { 'x-upsert': 'true' })).status).toBe(400)
      expect(await (await ok(bucket().download(key))).text()).toBe('kept')
    },
  )

  test('uploads in parallel parts, which only that token can send and join', async () => {
    const { token } = await ok(bucket().createSignedUploadUrl('parts'))
    const { token: other } = await ok(bucket().createSignedUploadUrl('parts-2'))
    const post = (holder: string, headers: Readonly<Record<string, string>>, bytes?: string) =>
      send(
        `${server.base}/upload/resumable/sign`,
        'POST',
        { ...TUS, 'x-signature': holder, ...headers },
        bytes,
      )
    const parts: string[] = []
    for (const bytes of ['he', 'llo']) {
      const part = { 'Upload-Concat': 'partial', 'Upload-Length': String(bytes.length) }
      const type = { 'Content-Type': 'application/offset+octet-stream' }
      const made = await post(token, { ...part, ...type }, bytes)
      expect(made.status).toBe(201)
      parts.push(made.headers.location ?? '')
    }
    const join = (holder: string, objectName: string) =>
      post(holder, {
        'Upload-Concat': `final;${parts.join(' ')}`,
        'Upload-Metadata': metadataHeader({ bucketName: 'docs', objectName }),
      })
    expect((await join(other, 'parts-2')).status).toBeGreaterThanOrEqual(400)
    expectRefused(await join(token, 'elsewhere'))
    expect((await join(token, 'parts')).status).toBe(201)
    expect(await (await ok(bucket().download('parts'))).text()).toBe('hello')
  })

  test('is refused for another path and another bucket', async () => {
    const { token } = await ok(bucket().createSignedUploadUrl('bound'))
    expectRefused(await create(token, 'elsewhere', ''))
    expectRefused(await create(token, 'bound', '', {}, 'other'))
    expectRefused(
      await send(`${server.base}/object/upload/sign/docs/elsewhere?token=${token}`, 'PUT', {}, 'x'),
    )
    expectRefused(await send(`${server.base}/object/upload/sign/other/bound?token=${token}`, 'PUT', {}, 'x'))
  })
})

describe('one kind of token does not pass for another', () => {
  test('a signed token is no session, no download token and no upload token of the other kind', async () => {
    const { token } = await ok(bucket().createSignedUploadUrl('kinds'))
    const { signedUrl } = await ok(bucket().createSignedUrl('ada/read.txt', 60))
    const download = new URL(signedUrl).searchParams.get('token') ?? ''
    for (const wrong of [token, download]) {
      const reply = await send(`${server.base}/object/docs/ada/read.txt`, 'GET', {
        Authorization: `Bearer ${wrong}`,
      })
      expect(JSON.parse(reply.text).code).toBe('InvalidJWT')
    }
    expectRefused(await send(`${server.base}/object/sign/docs/kinds?token=${token}`, 'GET'))
    expectRefused(await create(download, 'ada/read.txt', ''))
  })

  test('a session token signs nothing, not even one with the right claims', async () => {
    const claims = { url: 'docs/forged', scope: 'upload', upsert: true, role: 'service_role' }
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'upload+jwt' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET))
    for (const wrong of [forged, server.service]) {
      expectRefused(await create(wrong, 'forged', ''))
      expectRefused(
        await send(`${server.base}/object/upload/sign/docs/forged?token=${wrong}`, 'PUT', {}, 'x'),
      )
      expectRefused(await send(`${server.base}/object/sign/docs/ada/read.txt?token=${wrong}`, 'GET'))
    }
  })
})

function create(
  token: string,
  objectName: string,
  mount: string,
  headers: Readonly<Record<string, string>> = {},
  bucketName = 'docs',
): Promise<Reply> {
  return send(`${server.base}/upload/resumable${mount}`, 'POST', {
    ...TUS,
    'x-signature': token,
    'Upload-Length': '5',
    'Upload-Metadata': metadataHeader({ bucketName, objectName }),
    ...headers,
  })
}

function expectRefused(reply: Reply): void {
  expect(reply.status).toBe(400)
  expect(JSON.parse(reply.text).code).toBe('InvalidSignature')
}
