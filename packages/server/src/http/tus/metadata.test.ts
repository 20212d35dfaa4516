import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Reply, send } from '../testing/client.ts'
import {
  createUpload,
  head,
  metadataHeader,
  startTestServer,
  type TestServer,
  TUS,
} from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64')
const create = (metadata: string): Promise<Reply> =>
  send(`${server.url}/files/`, 'POST', { ...TUS, 'Upload-Length': '5', 'Upload-Metadata': metadata })

describe('Upload-Metadata', () => {
  test.each([
    `filename ${base64('naïve 😀.txt')}`,
    `a ${base64('1')},b ${base64('2')}`,
    `b ${base64('2')}, a ${base64('1')}`,
    'is_confidential',
    `empty ,full ${base64('x')}`,
    `__proto__ ${base64('polluted')},constructor ${base64('x')},toString ${base64('y')}`,
    `line ${base64('a\r\nSet-Cookie: b')}`,
    `x ${base64('\u0000')}`,
    `bom ${base64('\ufefftext')}`,
    `!#$%&'*+-.^_|~ ${base64('odd key')}`,
  ])('comes back byte for byte in HEAD: %s', async (metadata) => {
    const reply = await create(metadata)
    expect(reply.status).toBe(201)
    const looked = await head(new URL(reply.headers.location ?? '', server.url).href)
    expect(looked.headers['upload-metadata']).toBe(metadata)
    expect(looked.headers['set-cookie']).toBeUndefined()
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test.each(['', ' '])('that is empty means none: "%s"', async (metadata) => {
    const reply = await create(metadata)
    expect(reply.status).toBe(201)
    const looked = await head(new URL(reply.headers.location ?? '', server.url).href)
    expect(looked.headers['upload-metadata']).toBeUndefined()
  })

  test.each([
    ['duplicate keys', `a ${base64('1')},a ${base64('2')}`],
    ['base64 without its padding', 'a YQ'],
    ['base64 with spaces', 'a YWJj ZGVm'],
    ['base64 for URLs', 'a -_-_'],
    ['base64 that is not canonical', 'a YR=='],
    ['no base64 at all', 'a %61'],
    ['an empty key', ',a YQ=='],
    ['a comma at the end', 'a YQ==,'],
    ['a key that is not ASCII', `n\u00e4me ${base64('x')}`],
    ['a value that is no UTF-8', `a ${base64(new Uint8Array([0xff, 0xfe]))}`],
    ['an overlong UTF-8 value', `a ${base64(new Uint8Array([0xc0, 0xaf]))}`],
    ['a surrogate in UTF-8', `a ${base64(new Uint8Array([0xed, 0xa0, 0x80]))}`],
  ])('with %s is 400, never dropped in silence', async (_, metadata) => {
    const reply = await create(metadata)
    expect(reply.status).toBe(400)
    expect(reply.text).toContain('Upload-Metadata')
  })

  test('with a key in two headers is 400', async () => {
    const headers = { ...TUS, 'Upload-Length': '5', 'Upload-Metadata': ['a YQ==', 'a Yg=='] }
    expect((await send(`${server.url}/files/`, 'POST', headers)).status).toBe(400)
  })

  test('over 16 KiB is 400 or 431', async () => {
    expect([400, 431]).toContain((await create(`a ${base64('x'.repeat(20_000))}`)).status)
  })

  test.each(['filetype', 'contentType', 'type'])(
    'names the content type of the object as %s',
    async (key) => {
      const url = await createUpload(server, 0, { 'Upload-Metadata': metadataHeader({ [key]: 'image/png' }) })
      expect((await send(url, 'GET')).headers['content-type']).toBe('image/png')
    },
  )

  test.each([
    'text/plain\r\nSet-Cookie: a=b',
    'text/plain\nX: y',
    'nonsense',
    'text/',
    '/plain',
    'text/plain/extra',
    'text/plain;',
    'text/plain; charset',
    'text/plain; =utf-8',
    'text/plain; charset="utf-8',
    'text/plain, text/html',
    'text/plain; a=b, text/html',
    'text /plain',
    'text/pläin',
    'text/plain; a="\u0000"',
    'x'.repeat(300),
    `text/${'x'.repeat(300)}`,
    '<script>',
  ])('with a content type that is none is 400: %j', async (type) => {
    const reply = await create(metadataHeader({ filetype: type }))
    expect(reply.status).toBe(400)
    expect(reply.text).toContain('content type')
  })

  test.each([
    'text/plain',
    'text/plain; charset=utf-8',
    'text/plain;charset="utf-8"',
    'a/b; c="d, \\"e\\""',
    'application/vnd.a.b+json',
  ])('with the content type %s is taken', async (type) => {
    const url = await createUpload(server, 0, { 'Upload-Metadata': metadataHeader({ filetype: type }) })
    expect((await send(url, 'GET')).headers['content-type']).toBe(type)
  })
})
