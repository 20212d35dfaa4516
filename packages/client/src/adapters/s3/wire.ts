/** Signed requests to one bucket, and what S3's errors mean. */
import type { Call } from '../../driver.ts'
import { FilesError, type FilesErrorCode } from '../../errors.ts'
import { statusError } from '../../http/failure.ts'
import { type HttpRequest, type HttpResponse, http } from '../../http/http.ts'
import { environmentCredentials } from './credentials.ts'
import type { S3Credentials, S3Options, SignedRequest, UnsignedRequest } from './options.ts'
import { type Signer, signer, uriEncode } from './sigv4.ts'
import { text } from './xml.ts'

interface S3Request {
  readonly method: UnsignedRequest['method']
  /** Absent: the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: HttpRequest['body']
  readonly stream?: boolean
}

export interface S3Wire {
  readonly bucket: string
  /** Sends and returns the answer, whatever its status. */
  send(request: S3Request, call: Call): Promise<HttpResponse>
  /** The same, but an error status is thrown. */
  expect(what: string, request: S3Request, call: Call): Promise<HttpResponse>
  urlOf(request: S3Request): string
  /** Absent when a `sign` callback signs. */
  presign: ((request: S3Request, expiresIn: number) => Promise<SignedRequest>) | undefined
  /** Signs a form's policy. Absent when a `sign` callback signs, and where the service takes no forms. */
  form: Signer['form'] | undefined
  refresh(): Promise<boolean>
}

export function s3Wire(options: S3Options): S3Wire {
  const { bucket, region = 'us-east-1', sign, credentials, forms = true, http: send = http } = options
  const base = baseOf(options)
  let current: Promise<S3Credentials> | undefined
  const known = async () => {
    current ??= (async () =>
      typeof credentials === 'function' ? credentials() : (credentials ?? environmentCredentials()))()
    const asked = current
    try {
      return await asked
    } catch (error) {
      // A service that gives credentials may fail for a moment: the next request asks it again.
      if (current === asked) current = undefined
      throw error
    }
  }
  const own: Signer | undefined = sign ? undefined : signer(known, region)

  const urlOf = ({ key, query = {} }: S3Request) => {
    const path =
      key === undefined
        ? base
        : `${base}${base.endsWith('/') ? '' : '/'}${key.split('/').map(uriEncode).join('/')}`
    const pairs = Object.entries(query).map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`)
    return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
  }
  const unsigned = (request: S3Request): UnsignedRequest => ({
    method: request.method,
    url: urlOf(request),
    headers: Object.fromEntries(
      Object.entries(request.headers ?? {}).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]],
      ),
    ),
  })
  const wire: S3Wire = {
    bucket,
    urlOf,
    send: async (request, call) => {
      const plain = unsigned(request)
      const signed = sign ? await sign(plain) : ((await own?.sign(plain)) ?? plain)
      const headers = { ...plain.headers, ...signed.headers }
      return send(
        {
          method: request.method,
          url: signed.url,
          headers,
          body: request.body,
          stream: request.stream ?? false,
        },
        call,
      )
    },
    expect: async (what, request, call) => {
      const response = await wire.send(request, call)
      if (response.status >= 300) throw await s3Error(what, response)
      return response
    },
    presign: own && ((request, expiresIn) => own.presign(unsigned(request), expiresIn)),
    form: forms ? own?.form : undefined,
    refresh: async () => {
      current = undefined
      return typeof credentials === 'function' || sign !== undefined
    },
  }
  return wire
}

/** The bucket's URL. */
function baseOf({
  bucket,
  region = 'us-east-1',
  endpoint,
  // The certificate's wildcard covers no dot, and a host has no capitals: it would be another bucket.
  forcePathStyle = endpoint !== undefined || !/^[a-z0-9-]+$/.test(bucket),
}: S3Options): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket))
    throw new FilesError('InvalidKey', `${JSON.stringify(bucket)} is no bucket name`)
  const url = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`)
  const path = url.pathname.replace(/\/+$/, '')
  if (forcePathStyle) return `${url.origin}${path}/${bucket}`
  return `${url.protocol}//${bucket}.${url.host}${path}/`
}

type Meaning = readonly [code: FilesErrorCode, retryable: boolean]

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  NoSuchUpload: ['SessionGone', false],
  NoSuchKey: ['NotFound', false],
  NoSuchBucket: ['NotFound', false],
  AccessDenied: ['Unauthorized', false],
  ExpiredToken: ['Unauthorized', false],
  TokenRefreshRequired: ['Unauthorized', false],
  InvalidAccessKeyId: ['Unauthorized', false],
  SignatureDoesNotMatch: ['Unauthorized', false],
  RequestTimeTooSkewed: ['Unauthorized', false],
  PreconditionFailed: ['Conflict', false],
  ConditionalRequestConflict: ['Conflict', false],
  EntityTooLarge: ['QuotaExceeded', false],
  SlowDown: ['RateLimited', true],
  TooManyRequests: ['RateLimited', true],
  InternalError: ['Provider', true],
  ServiceUnavailable: ['Provider', true],
  RequestTimeout: ['Provider', true],
  // A part's bytes were damaged on their way: they are sent again.
  BadDigest: ['Provider', true],
  // A part that was acknowledged is not there any more: the list is asked for, and it is sent again.
  InvalidPart: ['Provider', true],
}

/** The error of an answer whose body names S3's code. Also for those that come with status 200. */
export async function s3Error(what: string, response: HttpResponse): Promise<FilesError> {
  const xml = await response.text()
  const code = text(xml, 'Code')
  const plain = statusError(
    what,
    response,
    [code, text(xml, 'Message')].filter((part) => part !== undefined).join(': '),
  )
  const [meaning, retryable] = MEANINGS[code ?? ''] ?? [plain.code, plain.retryable]
  return new FilesError(meaning, plain.message, undefined, {
    status: response.status,
    retryable,
    ...(plain.retryAfter === undefined ? {} : { retryAfter: plain.retryAfter }),
  })
}
