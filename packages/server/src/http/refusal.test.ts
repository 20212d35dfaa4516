/** A body that is refused: when the answer comes, what is read, and what becomes of the connection. */
import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RawConnection } from './testing/raw-connection.ts'
import {
  CHUNK,
  createUpload,
  offsetOf,
  startTestServer,
  type TestServer,
  TUS,
} from './testing/test-server.ts'

const run = promisify(execFile)
const MIB = 1024 * 1024
let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

function headOf(method: string, path: string, headers: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}
const bytesAtZero = { ...CHUNK, 'Upload-Offset': 0 }
const unknown = `/files/${'0'.repeat(32)}`

describe('A client that waits for 100 Continue', () => {
  test('is refused before it, and its body is never asked for', async () => {
    const url = await createUpload(server, 10)
    const { pathname } = new URL(url)
    for (const headers of [
      { ...bytesAtZero, 'Content-Length': 11 },
      { ...bytesAtZero, 'Upload-Offset': 3, 'Content-Length': 5 },
      { ...TUS, 'Upload-Offset': 0, 'Content-Length': 5 },
    ]) {
      const connection = await RawConnection.open(server.port)
      connection.write(headOf('PATCH', pathname, { ...headers, Expect: '100-continue' }))
      const reply = await connection.reply()
      expect([409, 413, 415]).toContain(reply?.status)
      expect(reply?.headers.connection).toBe('close')
      connection.end()
      await connection.closed()
      expect(connection.pending).toBe('')
    }
    expect(await offsetOf(url)).toBe(0)
  })

  test('is closed after two seconds when it neither sends nor ends', async () => {
    const connection = await RawConnection.open(server.port)
    connection.write(
      headOf('PATCH', unknown, { ...bytesAtZero, 'Content-Length': 5, Expect: '100-continue' }),
    )
    expect((await connection.reply())?.status).toBe(404)
    const answered = Date.now()
    await connection.closed()
    expect(Date.now() - answered).toBeLessThan(3500)
  })

  test('gets it when its body is wanted', async () => {
    const { pathname } = new URL(await createUpload(server, 5))
    const connection = await RawConnection.open(server.port)
    connection.write(
      headOf('PATCH', pathname, { ...bytesAtZero, 'Content-Length': 5, Expect: '100-continue' }),
    )
    expect((await connection.reply())?.status).toBe(100)
    connection.write('hello')
    expect((await connection.reply())?.status).toBe(204)
    connection.destroy()
  })

  test('is refused 417 for any other expectation', async () => {
    const connection = await RawConnection.open(server.port)
    connection.write(headOf('PATCH', unknown, { ...bytesAtZero, 'Content-Length': 5, Expect: 'tea' }))
    const reply = await connection.reply()
    expect(reply?.status).toBe(417)
    expect(reply?.body).toContain('100-continue')
    connection.destroy()
  })
})

describe('A client that sends its body without waiting', () => {
  test('may take its time for what is left, up to 1 MiB: the connection is not broken under it', async () => {
    const connection = await RawConnection.open(server.port)
    connection.write(headOf('PATCH', unknown, { ...bytesAtZero, 'Content-Length': 8 * 64 * 1024 }))
    expect((await connection.reply())?.status).toBe(404)
    for (let piece = 0; piece < 8; piece += 1) {
      expect(connection.over).toBe(false)
      connection.write(Buffer.alloc(64 * 1024))
      await sleep(50)
    }
    await connection.closed()
    expect(connection.broken).toBe(false)
  })

  test('is cut off after 1 MiB', async () => {
    const connection = await RawConnection.open(server.port)
    connection.write(headOf('PATCH', unknown, { ...bytesAtZero, 'Content-Length': 100 * MIB }))
    expect((await connection.reply())?.status).toBe(404)
    let sent = 0
    while (!connection.over && sent < 100) {
      connection.write(Buffer.alloc(MIB / 4))
      sent += 1 / 4
      await sleep(20)
    }
    expect(sent).toBeGreaterThanOrEqual(1)
    expect(sent).toBeLessThan(4)
  })

  test('is cut off after two seconds', async () => {
    const connection = await RawConnection.open(server.port)
    connection.write(headOf('PATCH', unknown, { ...bytesAtZero, 'Content-Length': MIB }))
    expect((await connection.reply())?.status).toBe(404)
    const answered = Date.now()
    while (!connection.over) {
      connection.write('x')
      await sleep(50)
    }
    expect(Date.now() - answered).toBeGreaterThan(1500)
    expect(Date.now() - answered).toBeLessThan(3500)
  })

  test.each([64 * 1024, MIB, 1.5 * MIB, 16 * MIB])(
    'sees the status although it has %i bytes to send',
    async (bytes) => {
      const body = Buffer.alloc(bytes)
      for (let round = 0; round < 5; round += 1) {
        const status = await new Promise((resolve, reject) => {
          const headers = { ...bytesAtZero, 'Content-Length': bytes }
          const req = request(server.url + unknown, { method: 'PATCH', agent: false, headers }, (res) => {
            expect(res.headers.connection).toBe('close')
            res.resume()
            resolve(res.statusCode)
          })
          // Once the answer is there the rest may break.
          req.on('error', reject)
          req.end(body)
        })
        expect(status).toBe(404)
      }
    },
  )

  test('sees it with curl, which reports no error up to 1 MiB', async () => {
    const script = `head -c 1000000 /dev/zero | curl -s -X PATCH -H Expect: -H 'Tus-Resumable: 1.0.0' \
      -H 'Content-Type: application/offset+octet-stream' -H 'Upload-Offset: 0' --data-binary @- \
      -o /dev/null -w '%{http_code} %{exitcode}' ${server.url}${unknown}`
    expect((await run('bash', ['-c', script])).stdout).toBe('404 0')
  })

  test('sees it with curl when curl waits for 100 Continue', async () => {
    const script = `head -c 3000000 /dev/zero | curl -s -X PATCH -H 'Expect: 100-continue' \
      -H 'Tus-Resumable: 1.0.0' -H 'Content-Type: application/offset+octet-stream' -H 'Upload-Offset: 0' \
      --data-binary @- -o /dev/null -w '%{http_code} %{exitcode} %{size_upload}' ${server.url}${unknown}`
    expect((await run('bash', ['-c', script])).stdout).toBe('404 0 0')
  })
})

describe('A refused body', () => {
  const inside = (method: string): string =>
    headOf(method, '/files/', { ...TUS, 'Upload-Length': 5, 'Content-Length': 0, Smuggled: 'yes' })

  test('is never taken for the next request', async () => {
    for (const headers of [
      { ...bytesAtZero },
      { ...TUS },
      { ...bytesAtZero, Expect: '100-continue' },
      { ...bytesAtZero, 'Tus-Resumable': '0.2.2' },
    ]) {
      const smuggled = inside('POST')
      const connection = await RawConnection.open(server.port)
      connection.write(headOf('PATCH', unknown, { ...headers, 'Content-Length': smuggled.length + 10 }))
      expect((await connection.reply())?.status).toBeGreaterThanOrEqual(400)
      connection.write(smuggled)
      connection.end()
      await connection.closed()
      expect(connection.pending).toBe('')
    }
  })

  test('that is chunked is never taken for the next request', async () => {
    const smuggled = inside('POST')
    const connection = await RawConnection.open(server.port)
    connection.write(headOf('PATCH', unknown, { ...bytesAtZero, 'Transfer-Encoding': 'chunked' }))
    expect((await connection.reply())?.status).toBe(404)
    connection.write(`${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`)
    await connection.closed()
    expect(connection.pending).toBe('')
  })

  test('ends the connection, so a request behind it is not carried out', async () => {
    const { pathname } = new URL(await createUpload(server, 5))
    const connection = await RawConnection.open(server.port)
    connection.write(headOf('PATCH', unknown, { ...bytesAtZero, 'Content-Length': 5 }))
    expect((await connection.reply())?.status).toBe(404)
    connection.write(`hello${headOf('DELETE', pathname, TUS)}`)
    await connection.closed()
    expect(connection.pending).toBe('')
    expect(await offsetOf(server.url + pathname)).toBe(0)
  })

  test('that was already there whole leaves the connection open for the next request', async () => {
    const connection = await RawConnection.open(server.port)
    connection.write(`${headOf('PATCH', unknown, { ...bytesAtZero, 'Content-Length': 5 })}hello`)
    connection.write(headOf('OPTIONS', '/files/', {}))
    expect((await connection.reply())?.status).toBe(404)
    expect((await connection.reply())?.status).toBe(204)
    connection.destroy()
  })

  test('outside of the upload routes is bounded too', async () => {
    for (const path of ['/health', '/', '/nothing', '//files/', '/FILES/']) {
      const connection = await RawConnection.open(server.port)
      connection.write(headOf('POST', path, { 'Content-Length': 100 * MIB, 'Content-Type': 'application/x' }))
      expect((await connection.reply())?.status).toBe(413)
      for (let sent = 0; !connection.over; sent += 1) {
        expect(sent).toBeLessThan(16)
        connection.write(Buffer.alloc(MIB / 4))
        await sleep(20)
      }
    }
  })

  test('outside of the upload routes that is chunked and endless is cut off', async () => {
    const connection = await RawConnection.open(server.port)
    connection.write(headOf('POST', '/nothing', { 'Transfer-Encoding': 'chunked', 'Content-Type': 'a/b' }))
    const answered = Date.now()
    while (!connection.over) {
      connection.write('1\r\nx\r\n')
      await sleep(50)
    }
    expect(connection.pending).toMatch(/^HTTP\/1\.1 4/)
    expect(Date.now() - answered).toBeLessThan(4000)
  })
})
