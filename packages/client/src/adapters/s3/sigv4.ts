/**
 * AWS Signature Version 4 for S3, over WebCrypto.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
import { encodeBase64 } from '@pawl/protocol'
import type { S3Credentials, SignedRequest, UnsignedRequest } from './options.ts'

const UNSIGNED = 'UNSIGNED-PAYLOAD'
const encoder = () => new TextEncoder()

export interface Signer {
  /**
   * Adds headers that authorize the request. The body is not part of the signature, unless the request names its
   * hash in `x-amz-content-sha256`: its checksum header is.
   */
  sign(request: UnsignedRequest): Promise<SignedRequest>
  /** A URL that authorizes whoever has it, for `expiresIn` seconds. */
  presign(request: UnsignedRequest, expiresIn: number): Promise<SignedRequest>
  /**
   * The fields of a form that may upload what a policy allows.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
   * @param policy The policy's JSON. It has to allow the fields that it is given, too.
   */
  form(
    policy: (fields: Readonly<Record<string, string>>, now: Date) => string,
  ): Promise<Record<string, string>>
}

export function signer(
  credentials: () => Promise<S3Credentials>,
  region: string,
  now: () => Date = () => new Date(),
): Signer {
  let cached: { readonly for: string; readonly key: Promise<CryptoKey> } | undefined

  async function signature(secret: string, time: string, scope: string, canonical: string): Promise<string> {
    return seal(secret, scope, ['AWS4-HMAC-SHA256', time, scope, await sha256Hex(canonical)].join('\n'))
  }

  async function seal(secret: string, scope: string, text: string): Promise<string> {
    const id = `${secret} ${scope}`
    if (cached?.for !== id) cached = { for: id, key: signingKey(secret, scope) }
    return hex(await hmac(await cached.key, text))
  }

  return {
    sign: async ({ method, url, headers }) => {
      const { accessKeyId, secretAccessKey, sessionToken } = await credentials()
      const target = new URL(url)
      const time = timestamp(now())
      const scope = scopeOf(time, region)
      const signed: Record<string, string> = {
        'x-amz-content-sha256': UNSIGNED,
        ...headers,
        host: target.host,
        'x-amz-date': time,
        ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
      }
      const names = Object.keys(signed).sort()
      const canonical = canonicalRequest(method, target, signed, names)
      const proof = await signature(secretAccessKey, time, scope, canonical)
      const { host: _, ...sent } = signed
      return {
        url,
        headers: {
          ...sent,
          authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${proof}`,
        },
      }
    },
    presign: async ({ method, url, headers }, expiresIn) => {
      const { accessKeyId, secretAccessKey, sessionToken } = await credentials()
      const target = new URL(url)
      const time = timestamp(now())
      const scope = scopeOf(time, region)
      const signed: Record<string, string> = { ...headers, host: target.host }
      const names = Object.keys(signed).sort()
      const query: Record<string, string> = {
        'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
        'X-Amz-Credential': `${accessKeyId}/${scope}`,
        'X-Amz-Date': time,
        'X-Amz-Expires': String(Math.floor(expiresIn)),
        'X-Amz-SignedHeaders': names.join(';'),
        ...(sessionToken === undefined ? {} : { 'X-Amz-Security-Token': sessionToken }),
      }
      const extra = Object.entries(query).map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`)
      target.search = [target.search.slice(1), ...extra].filter((pair) => pair !== '').join('&')
      const proof = await signature(
        secretAccessKey,
        time,
        scope,
        canonicalRequest(method, target, signed, names),
      )
      return { url: `${target.href}&X-Amz-Signature=${proof}`, headers }
    },
    form: async (policy) => {
      const { accessKeyId, secretAccessKey, sessionToken } = await credentials()
      const date = now()
      const time = timestamp(date)
      const scope = scopeOf(time, region)
      const fields = {
        'x-amz-algorithm': 'AWS4-HMAC-SHA256',
        'x-amz-credential': `${accessKeyId}/${scope}`,
        'x-amz-date': time,
        ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
      }
      const document = encodeBase64(encoder().encode(policy(fields, date)))
      return { ...fields, policy: document, 'x-amz-signature': await seal(secretAccessKey, scope, document) }
    },
  }
}

function canonicalRequest(
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): string {
  // Names and values are in the URL as they have to be signed; only their order may differ.
  const query = url.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&')
  const lines = names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/\s+/g, ' ')}\n`).join('')
  const hash = headers['x-amz-content-sha256'] ?? UNSIGNED
  return [method, url.pathname, query, lines, names.join(';'), hash].join('\n')
}

/** Percent-encoding as the signature wants it: everything but unreserved characters. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function timestamp(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d{3}/g, '')
}

function scopeOf(time: string, region: string): string {
  return `${time.slice(0, 8)}/${region}/s3/aws4_request`
}

async function signingKey(secret: string, scope: string): Promise<CryptoKey> {
  let key = await importKey(encoder().encode(`AWS4${secret}`))
  for (const step of scope.split('/')) key = await importKey(new Uint8Array(await hmac(key, step)))
  return key
}

function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
}

function hmac(key: CryptoKey, text: string): Promise<ArrayBuffer> {
  return crypto.subtle.sign('HMAC', key, encoder().encode(text))
}

async function sha256Hex(text: string): Promise<string> {
  return hex(await crypto.subtle.digest('SHA-256', encoder().encode(text)))
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
