/** Pages of other origins can ask for everything and read every answer. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { ok, type StorageServer, startStorage } from '../testing/storage.ts'

let server: StorageServer

beforeAll(async () => {
  server = await startStorage()
  await ok(server.admin.createBucket('names', { public: true }))
})
afterAll(() => server.close())

describe('pages of other origins', () => {
  const origin = { Origin: 'https://app.example' }

  test.each([
    ['POST', '/object/names/x'],
    ['PUT', '/object/upload/sign/names/x'],
    ['POST', '/object/list/names'],
    ['DELETE', '/bucket/names'],
    ['PATCH', '/upload/resumable/x'],
    ['GET', '/object/public/names/x'],
  ])('may ask first: %s %s', async (method, path) => {
    const wanted = 'authorization, x-upsert, x-signature, tus-resumable, apikey'
    const reply = await send(`${server.base}${path}`, 'OPTIONS', {
      ...origin,
      'Access-Control-Request-Method': method,
      'Access-Control-Request-Headers': wanted,
    })
    expect(reply.status).toBe(204)
    expect(reply.headers['access-control-allow-origin']).toBe('*')
    expect(reply.headers['access-control-allow-headers']).toBe(wanted)
    expect(reply.headers['access-control-allow-methods']).toContain(method)
  })

  test.each([
    ['GET', '/bucket', 200],
    ['GET', '/object/names/none', 400],
    ['POST', '/object/list/names', 200],
    ['POST', '/object/list/none', 200],
    ['GET', '/nothing', 404],
    ['GET', '/render/x', 501],
    ['POST', '/upload/resumable', 412],
  ])('read every answer: %s %s', async (method, path, status) => {
    const reply = await send(`${server.base}${path}`, method, { ...origin, ...auth() })
    expect(reply.status).toBe(status)
    expect(reply.headers['access-control-allow-origin']).toBe('*')
    expect(reply.headers['access-control-expose-headers']).toContain('Upload-Offset')
  })
})

function auth() {
  return { Authorization: `Bearer ${server.service}` }
}
