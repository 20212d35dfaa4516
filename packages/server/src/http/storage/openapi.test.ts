/** The OpenAPI document: valid, and equal to what the server does. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../testing/client.ts'
import { ok, type StorageServer, startStorage } from '../testing/storage.ts'
import { TUS } from '../testing/test-server.ts'

interface Document {
  readonly [field: string]: unknown
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
interface Operation {
  readonly summary: string
  readonly requestBody?: { readonly content: Record<string, { readonly schema: unknown }> }
  readonly parameters: readonly { readonly name: string }[]
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

let server: StorageServer
let document: Document

beforeAll(async () => {
  server = await startStorage()
  await ok(server.admin.createBucket('b'))
  document = JSON.parse((await send(`${server.base}/openapi.json`, 'GET')).text)
})
afterAll(() => server.close())

test('it is valid OpenAPI 3.1', async () => {
  expect(await new Validator().validate(document)).toEqual({ valid: true })
  expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: '/storage/v1' }] })
})

test('it says what each route takes', () => {
  const { get, post } = document.paths['/bucket'] ?? {}
  expect(post?.requestBody?.content['application/json']?.schema).toHaveProperty('properties.file_size_limit')
  expect(get?.parameters.map(({ name }) => name)).toContain('search')
})

test('bucket: POST GET /bucket, GET PUT DELETE /bucket/{id}, POST /bucket/{id}/empty', () => {
  expect(methodsUnder('/bucket')).toEqual({
    '/bucket': 'GET HEAD POST',
    '/bucket/{id}': 'DELETE GET HEAD PUT',
    '/bucket/{id}/empty': 'POST',
  })
})

test('object: every route that clients call', () => {
  expect(methodsUnder('/object')).toEqual({
    '/object/authenticated/{bucket}/{key}': 'GET HEAD',
    '/object/copy': 'POST',
    '/object/info/authenticated/{bucket}/{key}': 'GET HEAD',
    '/object/info/public/{bucket}/{key}': 'GET HEAD',
    '/object/info/{bucket}/{key}': 'GET HEAD',
    '/object/list-v2/{bucket}': 'POST',
    '/object/list/{bucket}': 'POST',
    '/object/move': 'POST',
    '/object/public/{bucket}/{key}': 'GET HEAD',
    '/object/sign/{bucket}': 'POST',
    '/object/sign/{bucket}/{key}': 'GET HEAD POST',
    '/object/upload/sign/{bucket}/{key}': 'POST PUT',
    '/object/{bucket}': 'DELETE',
    '/object/{bucket}/{key}': 'DELETE GET HEAD POST PUT',
  })
  expect(methodsUnder('/upload')).toEqual({
    '/upload/resumable': 'POST',
    '/upload/resumable/sign': 'POST',
    '/upload/resumable/{id}': 'DELETE HEAD PATCH',
  })
})

test('what it names is there, and what it does not name is not', async () => {
  const headers = { ...TUS, Authorization: `Bearer ${server.service}` }
  for (const [path, operations] of Object.entries(document.paths)) {
    const names = path.replace('{bucket}', 'b').replace('{key}', 'k').replace('{id}', '0'.repeat(32))
    for (const method of METHODS) {
      const { status, text } = await send(server.base + names, method, headers)
      const known = status !== 405 && !text.includes('there is nothing at this address')
      // Any word is a bucket: what is no route of its own is an object there.
      const object = path.startsWith('/object/') && method !== 'PATCH'
      if (method.toLowerCase() in operations) expect(known, `${method} ${path}: ${status}`).toBe(true)
      else if (!object) expect(known, `${method} ${path}: ${status}`).toBe(false)
    }
  }
})

function methodsUnder(prefix: string): Record<string, string> {
  const found = Object.entries(document.paths).filter(([path]) => path.startsWith(prefix))
  const methods = (operations: object) =>
    Object.keys(operations)
      .map((method) => method.toUpperCase())
      .filter((method) => METHODS.includes(method))
      .toSorted()
      .join(' ')
  return Object.fromEntries(found.map(([path, operations]) => [path, methods(operations)]))
}
