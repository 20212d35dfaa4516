/** Who may call Google's interfaces here: a bearer token, or a service account's own key. */
import { createHash, generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import type { Asked } from './listen.ts'
import { type Tokens, tokens } from './tokens.ts'

export interface ServiceAccount {
  readonly type: 'service_account'
  readonly client_email: string
  readonly private_key: string
}

export interface GoogleCredentials {
  readonly tokens: Tokens
  /** Made when it is first asked for. */
  serviceAccount(): ServiceAccount
  /** Whether the request carries the current token or one that the service account signed. */
  authorized(asked: Asked): boolean
  /** Whether the URL was signed by the service account (V4), for these headers, and is still good. */
  signed(asked: Asked, host: string): boolean
}

const EMAIL = 'tests@pawl.iam.gserviceaccount.com'

export function googleCredentials(): GoogleCredentials {
  const accepted = tokens()
  let key: { readonly account: ServiceAccount; readonly publicKey: KeyObject } | undefined

  function own() {
    if (key) return key
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    key = { account: { type: 'service_account', client_email: EMAIL, private_key }, publicKey }
    return key
  }

  /** https://google.aip.dev/auth/4111 */
  function isOwnToken(header: string | undefined): boolean {
    const [, head, claims, signature] = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(header ?? '') ?? []
    if (!key || head === undefined || claims === undefined || signature === undefined) return false
    const { iss, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString())
    return (
      iss === EMAIL &&
      exp > Date.now() / 1000 &&
      verify('sha256', Buffer.from(`${head}.${claims}`), key.publicKey, Buffer.from(signature, 'base64url'))
    )
  }

  return {
    tokens: accepted,
    serviceAccount: () => own().account,
    authorized: ({ headers }) => accepted.accepts(headers.authorization) || isOwnToken(headers.authorization),
    signed: ({ method, url, headers }, host) => {
      const query = new URLSearchParams(url.search)
      const signature = query.get('X-Goog-Signature')
      const [stamp, names] = [query.get('X-Goog-Date'), query.get('X-Goog-SignedHeaders')]
      if (!key || signature === null || stamp === null || names === null) return false
      query.delete('X-Goog-Signature')
      const scope = query.get('X-Goog-Credential')?.slice(EMAIL.length + 1) ?? ''
      const pairs = [...query]
        .map(([name, value]) => [encode(name), encode(value)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map((pair) => pair.join('='))
      const values = names
        .split(';')
        .map((name) => `${name}:${name === 'host' ? host : String(headers[name] ?? '').trim()}\n`)
      const canonical = [method, url.pathname, pairs.join('&'), values.join(''), names, 'UNSIGNED-PAYLOAD']
      const digest = createHash('sha256').update(canonical.join('\n')).digest('hex')
      const text = `GOOG4-RSA-SHA256\n${stamp}\n${scope}\n${digest}`
      const began = Date.parse(stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
      const ends = began + Number(query.get('X-Goog-Expires')) * 1000
      return (
        Date.now() < ends && verify('sha256', Buffer.from(text), key.publicKey, Buffer.from(signature, 'hex'))
      )
    },
  }
}

function encode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
