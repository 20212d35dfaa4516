import type { S3Credentials } from '../../src/adapters/s3/options.ts'

/** A server that speaks S3, on the loopback. */
export interface S3Server {
  readonly endpoint: string
  readonly credentials: S3Credentials
  close(): Promise<void>
}
