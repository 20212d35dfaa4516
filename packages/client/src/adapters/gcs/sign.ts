/** V4 signed URLs: https://cloud.google.com/storage/docs/authentication/canonical-requests */
import type { GoogleAuthorization } from '../google/auth.ts'

export interface SignRequest {
  readonly base: string
  readonly bucket: string
  readonly key: string
  readonly method: 'GET' | 'PUT'
  /** Seconds. */
  readonly expiresIn: number
  readonly query?: Readonly<Record<string, string>>
  /** Sent as they are by whoever uses the URL. Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>
}

export async function signUrl(auth: GoogleAuthorization, request: SignRequest): Promise<string> {
  const { base, bucket, key, method, expiresIn, query = {}, headers = {} } = request
  const stamp = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
  const scope = `${stamp.slice(0, 8)}/auto/storage/goog4_request`
  const path = `/${bucket}/${key.split('/').map(encode).join('/')}`
  const signed = Object.entries({ ...headers, host: new URL(base).hostname }).sort(byName)
  const names = signed.map(([name]) => name).join(';')
  const pairs = Object.entries({
    ...query,
    'X-Goog-Algorithm': 'GOOG4-RSA-SHA256',
    'X-Goog-Credential': `${await auth.email()}/${scope}`,
    'X-Goog-Date': stamp,
    'X-Goog-Expires': String(Math.floor(expiresIn)),
    'X-Goog-SignedHeaders': names,
  })
    .sort(byName)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&')
  const lines = signed.map(([name, value]) => `${name}:${value}\n`).join('')
  const canonical = [method, path, pairs, lines, names, 'UNSIGNED-PAYLOAD'].join('\n')
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical)))
  const signature = await auth.sign(['GOOG4-RSA-SHA256', stamp, scope, hex(digest)].join('\n'))
  const bytes = Uint8Array.from(atob(signature), (char) => char.charCodeAt(0))
  return `${base}${path}?${pairs}&X-Goog-Signature=${hex(bytes)}`
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1
}

function encode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
