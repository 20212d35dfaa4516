/** Resumable uploads of the storage face for tests, sent exactly as a test says. */
import { expect } from 'vitest'
import { type Reply, send } from './client.ts'
import type { StorageServer } from './storage.ts'
import { metadataHeader, TUS } from './test-server.ts'

export interface Creation {
  readonly key: string
  /** Deferred when it is left out. */
  readonly length?: number
  readonly token: string
  /** `open` when it is left out. */
  readonly bucket?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export function createAt(server: StorageServer, creation: Creation): Promise<Reply> {
  const { key, length, token, bucket = 'open', metadata = {}, headers = {}, body } = creation
  const size = length === undefined ? { 'Upload-Defer-Length': '1' } : { 'Upload-Length': String(length) }
  const told = metadataHeader({ bucketName: bucket, objectName: key, ...metadata })
  const all = { ...TUS, ...bearer(token), ...size, 'Upload-Metadata': told, ...headers }
  return send(`${server.base}/upload/resumable`, 'POST', all, body)
}

/** The URL of an upload that was created. @throws Error when it was not */
export async function urlOf(server: StorageServer, creation: Creation): Promise<string> {
  const reply = await createAt(server, creation)
  if (reply.status !== 201) throw new Error(`creation was answered ${reply.status}: ${reply.text}`)
  return new URL(reply.headers.location ?? '', server.url).href
}

export function bearer(token: string): { Authorization: string } {
  return { Authorization: `Bearer ${token}` }
}

export function look(url: string, token: string): Promise<Reply> {
  return send(url, 'HEAD', { ...TUS, ...bearer(token) })
}

/** The true status, and the shape that clients of this face read. @returns what it says */
export function expectProblem(reply: Reply, status: number): Readonly<Record<string, string>> {
  expect(reply.status, reply.text).toBe(status)
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8')
  const problem = JSON.parse(reply.text)
  expect(problem).toEqual({
    statusCode: expect.stringMatching(/^\d{3}$/),
    error: expect.any(String),
    message: expect.any(String),
    code: expect.any(String),
  })
  return problem
}
