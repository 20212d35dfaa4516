/** What settings change: development mode, the prefix, quotas, rates. */
import { describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { failure, ok, startStorage, tokenOf } from '../testing/storage.ts'
import { TUS } from '../testing/test-server.ts'

test('development mode has a public bucket and a private one, and a key for everyone is enough for the first', async () => {
  const dev = await startStorage({ dev: true })
  try {
    expect((await ok(dev.admin.listBuckets())).map(({ id, public: isPublic }) => [id, isPublic])).toEqual([
      ['documents', false],
      ['files', false],
      ['photos', true],
      ['site-media', false],
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
