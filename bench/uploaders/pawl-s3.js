/** Pawl's client with the S3 adapter, as a process that is measured. */
import { s3 } from '../../packages/client/src/adapters/s3/s3.ts'
import { Files } from '../../packages/client/src/index.ts'
import { fromPath } from '../../packages/client/src/node.ts'
import { runJob } from '../peers/uploaders/job.js'

await runJob(({ url }, path) => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const files = new Files({ adapter: s3({ endpoint: `${url}/s3`, bucket: 'bucket', credentials }) })
  return files.upload('key', fromPath(path))
})
