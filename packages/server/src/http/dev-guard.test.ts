/** Development mode is open to whoever reaches it: only this machine, and no page of another site, does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RawReply, rawRequest } from './testing/raw-connection.ts'
import { startTestServer, type TestServer } from './testing/test-server.ts'

let dev: TestServer
let guarded: TestServer

beforeAll(async () => {
  dev = await startTestServer()
  guarded = await startTestServer({ dev: false })
})
afterAll(async () => {
  await dev.close()
  await guarded.close()
})

function create(
  server: TestServer,
  headers: readonly string[],
  target = '/files/',
): Promise<RawReply | undefined> {
  const lines = [...headers, 'Tus-Resumable: 1.0.0', 'Upload-Length: 5'].map((line) => `${line}\r\n`)
  return rawRequest(server.port, `POST ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
}

describe('Development mode', () => {
  test.each(['localhost', 'LOCALHOST', 'localhost:8080', '127.0.0.1', '127.0.0.1:1', '[::1]', '[::1]:65535'])(
    'answers to the host %s',
    async (host) => {
      expect((await create(dev, [`Host: ${host}`]))?.status).toBe(201)
    },
  )

  test.each([
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    'evil.example/localhost',
    'localhost@evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1.',
    '127.1',
    '0.0.0.0',
    '[::]',
    '[::ffff:127.0.0.1]',
    '192.168.0.1',
    'localhost:80:80',
    'localhost evil.example',
    'localhost,evil.example',
    '',
  ])('does not answer to the host "%s", which DNS may have rebound', async (host) => {
    const reply = await create(dev, [`Host: ${host}`])
    expect(reply?.status).toBe(403)
    expect(reply?.body).toContain('PAWL_DEV')
    expect(reply?.headers['access-control-allow-origin']).toBeUndefined()
  })

  test('does not answer to another host in the target, whatever Host says', async () => {
    expect((await create(dev, ['Host: localhost'], 'http://evil.example/files/'))?.status).toBe(403)
    expect((await create(dev, ['Host: localhost'], 'http://localhost@evil.example/files/'))?.status).toBe(403)
    expect((await create(dev, ['Host: localhost'], 'http://localhost/files/'))?.status).toBe(201)
  })

  test.each([
    'Forwarded: for=192.0.2.1',
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Host: localhost',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Port: 80',
    'X-Forwarded-Server: a',
    'X-Forwarded: a',
    'X-Original-Forwarded-For: 192.0.2.1',
    'X-Real-IP: 127.0.0.1',
    'X-Client-IP: 127.0.0.1',
    'X-Cluster-Client-IP: 127.0.0.1',
    'True-Client-IP: 127.0.0.1',
    'CF-Connecting-IP: 127.0.0.1',
    'Via: 1.1 proxy',
    'x-forwarded-for:',
  ])('takes no request that was forwarded: %s', async (line) => {
    const reply = await create(dev, ['Host: localhost', line])
    expect(reply?.status).toBe(403)
    expect(reply?.body).toContain('proxy')
  })

  test.each(['http://localhost:5173', 'http://127.0.0.1', 'https://localhost', 'http://[::1]:3000'])(
    'takes requests from pages of %s',
    async (origin) => {
      expect((await create(dev, ['Host: localhost', `Origin: ${origin}`]))?.status).toBe(201)
    },
  )

  test.each([
    'https://evil.example',
    'http://localhost.evil.example',
    'http://evil.example:8080',
    'null',
    'file://',
    'http://127.0.0.1.evil.example',
    'http://localhost, https://evil.example',
    'chrome-extension://abcdef',
    '',
    'localhost',
  ])('takes no requests from pages of "%s"', async (origin) => {
    const reply = await create(dev, ['Host: localhost', `Origin: ${origin}`])
    expect(reply?.status).toBe(403)
    expect(reply?.headers['access-control-allow-origin']).toBeUndefined()
  })

  test('takes no requests from two origins at once', async () => {
    const origins = ['Origin: http://localhost', 'Origin: https://evil.example']
    expect((await create(dev, ['Host: localhost', ...origins]))?.status).toBe(403)
    expect((await create(dev, ['Host: localhost', ...origins.reverse()]))?.status).toBe(403)
  })

  test('refuses a preflight of another origin, and guards every route', async () => {
    for (const start of ['OPTIONS /files/', 'GET /health', 'GET /', 'HEAD /files/x', 'TRACE /nothing']) {
      const preflight = 'Access-Control-Request-Method: POST\r\n'
      const bytes = `${start} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n${preflight}\r\n`
      expect((await rawRequest(dev.port, bytes))?.status).toBe(403)
      const rebound = `${start} HTTP/1.1\r\nHost: evil.example\r\n\r\n`
      expect((await rawRequest(dev.port, rebound))?.status).toBe(403)
    }
  })
})

test('Without development mode hosts, proxies and origins are free, and a token is needed', async () => {
  const reply = await create(guarded, [
    'Host: up.example',
    'Origin: https://app.example',
    'X-Forwarded-For: 192.0.2.1',
  ])
  expect(reply?.status).toBe(401)
  expect(reply?.headers['access-control-allow-origin']).toBe('*')
})
