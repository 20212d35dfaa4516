/** The SDK's client, set up so that any server understands it and bodies cost little. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { S3Address } from '../s3-address.ts'

export interface ClientOptions extends Omit<S3Address, 'bucket' | 'prefix'> {
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Milliseconds that one call may take. */
  readonly patience?: number
}

const CONNECT_MS = 3000
/** A part of 16 MiB needs no more on a line that carries 1 MiB in a second. */
const CALL_MS = 30_000
const SOCKETS = 128
/** Times that a call is made: a lost connection is made anew, an outage is told at once. */
const TRIES = 3

export function clientFor(options: ClientOptions): S3Client {
  const client = new S3Client(clientConfig(options))
  // What TLS carries whole need not be hashed for the signature as well; without TLS the hash protects the bytes.
  if (options.endpoint === undefined || options.endpoint.startsWith('https:')) signNoPayload(client)
  return client
}

function clientConfig({
  endpoint,
  region,
  forcePathStyle,
  credentials,
  patience = CALL_MS,
}: ClientOptions): S3ClientConfig {
  return {
    ...(endpoint !== undefined && { endpoint }),
    // Servers of one's own mostly have no regions; Amazon's come from the environment.
    ...(region === undefined ? endpoint !== undefined && { region: 'us-east-1' } : { region }),
    ...(credentials !== undefined && { credentials }),
    forcePathStyle,
    maxAttempts: TRIES,
    // Checksums are given with each body; a stream's would come behind it, which few servers take.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_MS,
      requestTimeout: patience,
      throwOnRequestTimeout: true,
      socketTimeout: patience,
      httpAgent: { maxSockets: SOCKETS },
      httpsAgent: { maxSockets: SOCKETS },
    }),
  }
}

function signNoPayload(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const request: unknown = args.request
      if (typeof request === 'object' && request !== null && 'headers' in request && hasBody(request)) {
        Object.assign(request.headers as object, { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
      }
      return next(args)
    },
    { step: 'build', name: 'signNoPayload' },
  )
}

function hasBody(request: object): boolean {
  return 'body' in request && request.body instanceof Uint8Array
}
