/** What Node's parser lets through although RFC 9110 and 9112 do not: rules that other hops rely on. */
import type { IncomingMessage } from 'node:http'

/** Why a request cannot be taken as what it seems to be; undefined when it can. */
export function malformation({ httpVersion, headersDistinct }: IncomingMessage): string | undefined {
  const hosts = headersDistinct.host ?? []
  // RFC 9112, section 3.2: two hops must not see two hosts.
  if (hosts.length > 1) return 'the request has more than one Host'
  if (hosts.length === 0 && httpVersion !== '1.0') return 'the request has no Host'
  const coding = headersDistinct['transfer-encoding']?.join(', ')
  // A coding below "chunked" would be stored as if it were the content.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return 'the only Transfer-Encoding understood here is chunked'
  }
  return undefined
}
