/** What drafts -03 (interop version 5) and -04, -05 (6) ask for and the newest text does not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { append, begin, beginEmpty, locationOf, look, offsetAt } from '../testing/resumable.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const version = (number: string) => ({ 'Upload-Draft-Interop-Version': number })

describe.each(['5', '6'])('interop version %s', (number) => {
  const speaking = version(number)

  test('every creation is answered with the upload resource and its offset, at the end too', async () => {
    const part = await begin(server, '?0', { ...speaking, 'Upload-Length': '5' }, 'hel')
    expect(part.status).toBe(201)
    expect(part.headers['upload-offset']).toBe('3')
    expect(part.headers.location).toMatch(/^\/uploads\//)
    const whole = await begin(server, '?1', speaking, 'hello')
    expect(whole.status).toBe(201)
    expect(whole.headers['upload-offset']).toBe('5')
    expect(whole.headers.location).toBe(whole.interim[0]?.headers.location)
    expect(whole.headers['upload-complete']).toBe('?1')
  })

  test('appends are acknowledged with 201 and the offset', async () => {
    const url = await beginEmpty(server, { ...speaking, 'Upload-Length': '5' })
    const part = await append(url, 0, '?0', 'hel', speaking)
    expect(part.status).toBe(201)
    expect(part.headers['upload-offset']).toBe('3')
    const last = await append(url, 3, '?1', 'lo', speaking)
    expect(last.status).toBe(201)
    expect(last.headers['upload-offset']).toBe('5')
    expect((await look(url, speaking)).headers).toMatchObject({
      'upload-offset': '5',
      'upload-length': '5',
      'upload-complete': '?1',
    })
  })

  test('an append without Upload-Complete is one that does not end the upload', async () => {
    const url = await beginEmpty(server, speaking)
    const headers = { ...speaking, 'Upload-Offset': '0', 'Content-Type': 'application/partial-upload' }
    expect((await send(url, 'PATCH', headers, 'x')).status).toBe(201)
    expect((await look(url, speaking)).headers['upload-complete']).toBe('?0')
  })

  test('looks and cancellations with fields of an append are refused', async () => {
    const url = await beginEmpty(server, speaking)
    for (const method of ['HEAD', 'DELETE'])
      for (const field of ['Upload-Offset', 'Upload-Complete']) {
        const value = field === 'Upload-Offset' ? '0' : '?0'
        expect((await send(url, method, { ...speaking, [field]: value })).status).toBe(400)
      }
    expect(await offsetAt(url)).toBe(0)
  })

  test('an upload that is not active any more is 404', async () => {
    const url = await beginEmpty(server, { ...speaking, 'Upload-Length': '1' })
    expect((await append(url, 0, '?0', ['too', 'long'], speaking)).status).toBe(400)
    expect((await look(url, speaking)).status).toBe(404)
    expect((await append(url, 0, '?1', '', speaking)).status).toBe(404)
    expect((await send(url, 'DELETE', speaking)).status).toBe(404)
  })

  test('an upload whose outcome is an error does not look complete: its client would take it for success', async () => {
    const digest = `sha-256=:${'A'.repeat(43)}=:`
    const reply = await begin(server, '?1', { ...speaking, 'Repr-Digest': digest }, 'hello')
    expect(reply.status).toBe(400)
    const url = locationOf(server, { headers: reply.interim[0]?.headers ?? {} })
    expect((await look(url, speaking)).status).toBe(404)
  })
})

test('version 5 knows no media type of its own and no limits', async () => {
  const url = await beginEmpty(server, version('5'))
  const plain = { ...version('5'), 'Content-Type': 'text/plain' }
  expect((await append(url, 0, '?0', 'x', plain)).status).toBe(201)
  expect((await look(url, version('5'))).headers).not.toHaveProperty('upload-limit')
})

test('version 6 calls the lifetime expires, and asks for the media type', async () => {
  const url = await beginEmpty(server, version('6'))
  expect((await look(url, version('6'))).headers['upload-limit']).toMatch(/^max-size=\d+, expires=\d+$/)
  const plain = { ...version('6'), 'Content-Type': 'text/plain' }
  expect((await append(url, 0, '?0', 'x', plain)).status).toBe(415)
})

test.each(['9', '10'])('version %s is answered like 8', async (number) => {
  const url = await beginEmpty(server, version(number))
  expect((await append(url, 0, '?0', 'x', version(number))).status).toBe(204)
  expect((await look(url, version(number))).headers).toMatchObject({
    'upload-complete': '?0',
    'upload-limit': expect.stringContaining('max-age='),
  })
  expect((await append(url, 1, '?1', '', version(number))).headers['upload-complete']).toBe('?1')
})

test('one upload can be carried on in any version, and in none', async () => {
  const url = await beginEmpty(server, { ...version('5'), 'Upload-Length': '6' })
  let offset = 0
  for (const number of ['6', '8', '9', '10', '5']) {
    await append(url, offset, '?0', 'x', version(number))
    offset += 1
    expect(await offsetAt(url)).toBe(offset)
  }
  const headers = {
    'Upload-Offset': '5',
    'Upload-Complete': '?1',
    'Content-Type': 'application/partial-upload',
  }
  const reply = await send(url, 'PATCH', headers, 'x')
  expect(reply.status).toBe(201)
  expect((await send(locationOf(server, reply), 'GET')).text).toBe('xxxxxx')
})
