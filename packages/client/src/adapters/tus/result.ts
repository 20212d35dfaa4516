/** What a finished tus upload resolves to. */
import type { Digest } from '../../digest.ts'
import type { Call, ProviderResult } from '../../driver.ts'
import type { HttpResponse } from '../../http/http.ts'
import type { TusOptions } from './options.ts'

export async function resultOf(
  { result }: TusOptions,
  url: string,
  last: HttpResponse | undefined,
  call: Call,
): Promise<ProviderResult> {
  const header = (name: string) => last?.header(name)
  if (result) return { url, ...(await result({ url, header, signal: call.signal })) }
  const etag = header('etag')
  const digest = parseReprDigest(header('repr-digest'))
  return { url, ...(etag === undefined ? {} : { etag }), ...(digest === undefined ? {} : { digest }) }
}

/** The sha-256 of a `Repr-Digest` header (RFC 9530, section 3), if it has one. */
function parseReprDigest(header: string | undefined): Digest | undefined {
  const value = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]+={0,2}):/.exec(header ?? '')?.[1]
  return value === undefined ? undefined : { algorithm: 'sha-256', value }
}
