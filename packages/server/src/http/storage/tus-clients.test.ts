/** Clients of resumable uploads as people use them: the most used one, and the wire of the Kotlin one. */
import * as tus from 'tus-js-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { ok, type StorageServer, startStorage, tokenOf } from '../testing/storage.ts'
import { metadataHeader } from '../testing/test-server.ts'

let server: StorageServer
let ada: string

beforeAll(async () => {
  server = await startStorage({ policies: [{ action: ['select', 'insert', 'update'], bucket: 'open' }] })
  await ok(server.admin.createBucket('open'))
  ada = await tokenOf('ada')
})
afterAll(() => server.close())

describe('tus-js-client', () => {
  test.each([
    ['in one piece', {}],
    ['in chunks', { chunkSize: 6 * 1024 }],
    ['with its data at creation', { uploadDataDuringCreation: true }],
    ['of a length told later', { uploadLengthDeferred: true, chunkSize: 6 * 1024 }],
    ['in parallel parts', { parallelUploads: 3 }],
  ])('uploads %s', async (what, options) => {
    const name = `${what}/naïve 😀.bin`
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
    const name = 'taken'
    await upload(Buffer.from('first'), name)
    const requests: string[] = []
    const error = await upload(Buffer.from('second'), name, {
      onBeforeRequest: (request) => void requests.push(request.getMethod()),
    }).catch((error: unknown) => error)
    expect(String(error)).toContain('Asset Already Exists')
    expect(requests).toEqual(['POST'])
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
      /^https:\/\/files\.example\/base\/storage\/v1\/upload\/resumable\/[0-9a-f]{44}$/,
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

function upload(bytes: Buffer, objectName: string, options: Partial<tus.UploadOptions> = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    new tus.Upload(bytes, {
      endpoint: `${server.base}/upload/resumable`,
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
