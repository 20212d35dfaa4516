/** Server processes that share a Postgres and an S3 server. */
import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import type { S3Server } from '@pawl/emulators/s3-server'
import { type Pawl, startPawl } from './process.ts'

interface Shared {
  /** Of Postgres. */
  readonly database: string
  readonly s3: {
    readonly endpoint: string
    readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
  }
  readonly bucket?: string
  readonly env?: Readonly<Record<string, string>>
}

export function startNode({ database, s3, bucket = 'bucket', env = {} }: Shared): Promise<Pawl> {
  const { accessKeyId, secretAccessKey } = s3.credentials ?? { accessKeyId: 'a', secretAccessKey: 'b' }
  return startPawl({
    env: {
      PAWL_DATABASE_URL: database,
      PAWL_BLOBS_URL: `s3://${bucket}/pawl?endpoint=${encodeURIComponent(s3.endpoint)}&forcePathStyle=true`,
      PAWL_JWT_SECRET: 'the same on every node, and long enough',
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: 'us-east-1',
      ...env,
    },
  })
}

export async function makeBucket(server: S3Server, bucket: string): Promise<void> {
  const client = clientOf(server)
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
}

/** Keys in a bucket: of objects, and of multipart uploads under way (a thousand at most). */
export async function contentsOf(
  server: S3Server,
  bucket: string,
): Promise<{ readonly objects: string[]; readonly sessions: string[] }> {
  const client = clientOf(server)
  const objects: string[] = []
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket }))
    objects.push(...Contents.map(({ Key = '' }) => Key))
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
  client.destroy()
  return { objects, sessions: Uploads.map(({ Key = '' }) => Key) }
}

function clientOf({ endpoint, credentials }: S3Server): S3Client {
  return new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true })
}
