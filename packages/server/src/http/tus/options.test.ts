import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ args: ['--max-size', '123mb'] })
})
afterAll(() => server.close())

test.each(['/files/', '/files', '/files/anything', '/files/?a=b'])(
  'OPTIONS %s says what the server can do',
  async (path) => {
    const { status, headers, text } = await send(server.url + path, 'OPTIONS')
    expect([status, text]).toEqual([204, ''])
    expect(headers['tus-version']).toBe('1.0.0')
    expect(headers['tus-max-size']).toBe('123000000')
    expect(headers['tus-extension']?.toString().split(',')).toEqual([
      'creation',
      'creation-with-upload',
      'creation-defer-length',
      'termination',
      'expiration',
      'checksum',
      'checksum-trailer',
      'concatenation',
    ])
    expect(headers['tus-checksum-algorithm']).toBe('sha1,sha256,sha512,md5,crc32,crc32c')
  },
)
