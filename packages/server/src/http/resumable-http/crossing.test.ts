/** One upload through two doors: begun with tus 1.0 and carried on here, and the other way round. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { RawConnection } from '../testing/raw-connection.ts'
import { append, beginEmpty, DRAFT, locationOf, look, offsetAt, written } from '../testing/resumable.ts'
import {
  createUpload,
  head,
  offsetOf,
  patch,
  startTestServer,
  type TestServer,
  TUS,
} from '../testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const asTus = (url: string): string => url.replace('/uploads/', '/files/')
const asDraft = (url: string): string => url.replace('/files/', '/uploads/')

describe('begun with tus 1.0', () => {
  test('an upload is looked at and ended here; it ends at its length, because tus made it', async () => {
    const url = await createUpload(server, 10, { 'Upload-Metadata': 'filetype dGV4dC9jc3M=' })
    await patch(url, 0, 'hello')
    expect((await look(asDraft(url))).headers).toMatchObject({
      'upload-offset': '5',
      'upload-length': '10',
      'upload-complete': '?0',
    })
    // Also by its own URL, where the interop version tells the protocols apart.
    expect((await look(url)).headers['upload-complete']).toBe('?0')
    const reply = await append(asDraft(url), 5, '?0', 'world')
    expect(reply.status).toBe(201)
    expect(reply.headers['upload-complete']).toBe('?1')
    expect(await offsetOf(url)).toBe(10)
    const object = await send(url, 'GET')
    expect(object.text).toBe('helloworld')
    expect(object.headers['content-type']).toBe('text/css')
  })

  test('its length is not changed by what is said here', async () => {
    const url = await createUpload(server, 10)
    expect((await append(asDraft(url), 0, '?1', 'short')).status).toBe(400)
    expect(await offsetOf(url)).toBe(0)
  })

  test('a deferred length is told by ?1', async () => {
    const url = await createUpload(server, undefined)
    await patch(url, 0, 'hel')
    expect((await append(asDraft(url), 3, '?1', 'lo')).headers['upload-complete']).toBe('?1')
    expect((await send(url, 'GET')).text).toBe('hello')
  })

  test('a tus transfer under way is ended by a look here', async () => {
    const url = await createUpload(server, 1000)
    const slow = await RawConnection.open(server.port)
    slow.write(
      `PATCH ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n` +
        'Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: 1000\r\n\r\nhello',
    )
    await written()
    expect(await offsetAt(asDraft(url))).toBe(5)
    expect(await slow.reply()).toBeUndefined()
  })

  test('it can be cancelled here', async () => {
    const url = await createUpload(server, 10)
    expect((await send(asDraft(url), 'DELETE', DRAFT)).status).toBe(204)
    expect((await head(url)).status).toBe(404)
  })

  test('parts of a concatenation are not to be had here', async () => {
    const url = await createUpload(server, 5, { 'Upload-Concat': 'partial' })
    expect((await look(asDraft(url))).status).toBe(404)
    expect((await append(asDraft(url), 0, '?1', 'hello')).status).toBe(404)
  })
})

describe('begun here', () => {
  test('an upload is not ended by whoever reads its object, although its bytes are all there', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '5' })
    await append(url, 0, '?0', 'hello')
    expect((await send(asTus(url), 'GET')).status).toBe(412)
    expect((await look(url)).headers['upload-complete']).toBe('?0')
    expect((await send(url, 'DELETE', DRAFT)).status).toBe(204)
  })

  test('an upload is carried on with tus, and ends at its length then', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '10', 'Content-Type': 'text/css' })
    await append(url, 0, '?0', 'hello')
    expect(await offsetOf(asTus(url))).toBe(5)
    expect((await patch(asTus(url), 5, 'world')).status).toBe(204)
    expect((await look(url)).headers['upload-complete']).toBe('?1')
    // The final answer is the target's, here as ever.
    const reply = await append(url, 10, '?1')
    expect(reply.status).toBe(201)
    const object = await send(locationOf(server, reply), 'GET')
    expect(object.text).toBe('helloworld')
    expect(object.headers['content-type']).toBe('text/css')
  })

  test('with a length that is not known, it gets one from tus', async () => {
    const url = await beginEmpty(server)
    await append(url, 0, '?0', 'hel')
    expect((await head(asTus(url))).headers['upload-defer-length']).toBe('1')
    expect((await patch(asTus(url), 3, 'lo', { 'Upload-Length': '5' })).status).toBe(204)
    expect((await send(asTus(url), 'GET')).text).toBe('hello')
  })

  test('with all its bytes and no word of the end, a tus HEAD shows the length only once it is published', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '5' })
    expect((await append(url, 0, '?0', 'hello')).headers['upload-complete']).toBe('?0')
    expect(await offsetOf(asTus(url))).toBe(5)
    expect((await send(asTus(url), 'GET')).text).toBe('hello')
    expect((await look(url)).headers['upload-complete']).toBe('?1')
  })

  test('it can be given up with tus', async () => {
    const url = await beginEmpty(server)
    expect((await send(asTus(url), 'DELETE', TUS)).status).toBe(204)
    expect((await look(url)).status).toBe(404)
  })

  test('what tus refuses leaves it as it was: past its end', async () => {
    const url = await beginEmpty(server, { 'Upload-Length': '5' })
    expect((await patch(asTus(url), 0, 'hello!')).status).toBe(413)
    expect((await append(url, 0, '?1', 'hello')).status).toBe(201)
  })
})
