// @aws-sdk/lib-storage with parts of 8 MiB, four at a time, and its default checksums.
import { createReadStream } from 'node:fs'
import { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { runJob } from './job.js'

let client
await runJob(({ url }, path) => {
  client ??= new S3Client({
    endpoint: `${url}/s3/`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  })
  const params = { Bucket: 'bucket', Key: 'key', Body: createReadStream(path) }
  return new Upload({ client, params, partSize: 8 * 1024 * 1024, queueSize: 4 }).done()
})
