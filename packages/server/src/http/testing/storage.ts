/** The storage face for tests: a server with keys, and the vendor's own client for anyone. */
import { StorageClient } from '@supabase/storage-js'
import { SignJWT } from 'jose'
import type { Policies } from '../../access/policies.ts'
import { startTestServer, type TestServer, type TestServerOptions } from './test-server.ts'

export const SECRET = 'a secret for tests that is long enough'

/** What the vendor's client says of what no policy allows. */
export const DENIED = {
  status: 400,
  statusCode: '403',
  code: 'AccessDenied',
  message: 'new row violates row-level security policy',
}

export interface StorageServer extends TestServer {
  /** Where the storage face is. */
  readonly base: string
  readonly anon: string
  readonly service: string
  /** A client with any token. */
  as(token: string): StorageClient
  /** The operator's client. */
  readonly admin: StorageClient
}

export async function startStorage(
  options: TestServerOptions & { readonly policies?: Policies } = {},
): Promise<StorageServer> {
  const { policies, args = [], ...rest } = options
  const server = await startTestServer({
    dev: false,
    ...rest,
    args: ['--jwt-secret', SECRET, ...args],
    file: policies === undefined ? {} : { policies },
  })
  const base = `${server.url}/storage/v1`
  const as = (token: string): StorageClient => new StorageClient(base, { Authorization: `Bearer ${token}` })
  const service = await server.server.tokens.apiKey('service_role')
  return {
    ...server,
    base,
    anon: await server.server.tokens.apiKey('anon'),
    service,
    as,
    admin: as(service),
  }
}

/** A user's session token. */
export function tokenOf(sub: string, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 3600
  return new SignJWT({ role: 'authenticated', sub, exp, ...claims })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(new TextEncoder().encode(SECRET))
}

/** The data of an answer of the vendor's client. @throws its error */
export async function ok<A extends { readonly data: unknown; readonly error: Error | null }>(
  answer: PromiseLike<A>,
): Promise<NonNullable<Extract<A, { readonly error: null }>['data']>> {
  const { data, error } = await answer
  if (error !== null) throw error
  return data as NonNullable<Extract<A, { readonly error: null }>['data']>
}

/** The error of an answer of the vendor's client. @throws when there is none */
export async function failure(answer: PromiseLike<{ readonly error: Error | null }>): Promise<Error> {
  const { error } = await answer
  if (error === null) throw new Error('it did not fail')
  return error
}
