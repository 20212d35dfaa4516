/** What a finished tus upload resolves to. */
import type { Call, ProviderResult } from '../../driver.ts'
import type { HttpResponse } from '../../http/http.ts'
import { parseReprDigest } from '../repr-digest.ts'
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
