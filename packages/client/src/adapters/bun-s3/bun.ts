/** As much of Bun's S3 client as is used: https://bun.com/docs/runtime/s3 */
import { FilesError } from '../../errors.ts'

export interface BunS3Options {
  readonly bucket?: string
  readonly endpoint?: string
  readonly region?: string
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly sessionToken?: string
  /** `https://bucket.host/key` instead of `https://host/bucket/key`. */
  readonly virtualHostedStyle?: boolean
}

export interface BunStat {
  readonly size: number
  readonly etag: string
  readonly lastModified: Date
  readonly type: string
}

interface BunFile {
  slice(start: number, end?: number): BunFile
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>
  stat(): Promise<BunStat>
  delete(): Promise<void>
}

export interface BunListed {
  readonly key: string
  readonly size?: number
  readonly eTag?: string
  readonly lastModified?: string
}

export interface BunS3Client {
  file(key: string): BunFile
  write(
    key: string,
    body: Response,
    options: { readonly type: string; readonly partSize: number; readonly queueSize: number },
  ): Promise<number>
  list(query: {
    readonly prefix?: string
    readonly delimiter?: string
    readonly maxKeys?: number
    readonly continuationToken?: string
  }): Promise<{
    readonly contents?: readonly BunListed[]
    readonly commonPrefixes?: readonly { readonly prefix: string }[]
    readonly nextContinuationToken?: string
    readonly isTruncated?: boolean
  }>
}

/** @throws FilesError `NotSupported` where there is no Bun */
export function openClient(options: BunS3Options): BunS3Client {
  // Not declared globally: that would meet Bun's own types where they are installed.
  const { Bun } = globalThis as { Bun?: { readonly S3Client?: new (options: BunS3Options) => BunS3Client } }
  if (Bun?.S3Client) return new Bun.S3Client(options)
  throw new FilesError(
    'NotSupported',
    'pawl/bun-s3 needs Bun; pawl/s3 works everywhere, and across processes',
  )
}
