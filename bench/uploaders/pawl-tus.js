/** Pawl's client with the tus adapter, as a process that is measured. */
import { tus } from '../../packages/client/src/adapters/tus/tus.ts'
import { Files, UploadControl } from '../../packages/client/src/index.ts'
import { fromPath } from '../../packages/client/src/node.ts'
import { runJob } from '../peers/uploaders/job.js'

const SIX_MIB = 6 * 1024 * 1024

await runJob(({ url, verified, fixed, before }, path) => {
  const files = new Files({
    adapter: tus({ endpoint: `${url}/files/`, checksum: verified && (before || 'trailer') }),
  })
  return files.upload('file', fromPath(path), {
    // Only who holds a control or a store can ask for a token.
    ...(verified && { control: new UploadControl() }),
    ...(fixed && { multipart: { partSize: SIX_MIB } }),
  })
})
