import type { Http } from '../../http/http.ts'
import type { S3Checksum } from './checksum.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** A request to S3 before it is signed. */
export interface UnsignedRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Absolute, with its query. */
  readonly url: string
  /** Lower-case names. All of them have to be signed or allowed. */
  readonly headers: Readonly<Record<string, string>>
}

/** A request that S3 accepts: a presigned URL, or the same URL with headers that authorize it. */
export interface SignedRequest {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface S3Options {
  readonly bucket: string
  /** Default `us-east-1`. */
  readonly region?: string
  /** Default: AWS in the region. */
  readonly endpoint?: string
  /**
   * `https://host/bucket/key` instead of `https://bucket.host/key`. Default: with an `endpoint` of one's own, and for
   * a bucket whose name has more than lower-case letters, digits and hyphens.
   */
  readonly forcePathStyle?: boolean
  /**
   * Default: the environment variables of the AWS tools. As a function it is asked again when they were refused;
   * the providers of `@aws-sdk/credential-providers` fit.
   */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials>)
  /**
   * Signs in place of credentials: a backend that looks at each request and presigns it. This is how browsers
   * upload without a secret.
   */
  readonly sign?: (request: UnsignedRequest) => Promise<SignedRequest>
  /**
   * Every part carries its checksum and the whole object's is compared at the end. `crc32` costs next to nothing.
   * `crc64nvme` is computed without help of the runtime, at about 400 MB/s on one core; of an upload that was
   * resumed in another process, what was sent before is read once more. `off` for services that refuse the headers.
   * Default `crc32`.
   */
  readonly checksum?: S3Checksum | 'off'
  /** Whether the service honours `If-None-Match` and `If-Match` on uploads. Default true. */
  readonly conditions?: boolean
  /**
   * Whether the service takes uploads from forms with a signed policy: only those can be held to a size. Default true.
   */
  readonly forms?: boolean
  /** Other names for the same service in errors and tokens: presets set it. */
  readonly name?: string
  /** Where objects can be read by anyone, for `url()` without a signature. */
  readonly publicBaseUrl?: string
  readonly http?: Http
}
