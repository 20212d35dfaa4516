/** Uploads one file with a token store, as a process of its own that can be killed. */
import { appendFileSync } from 'node:fs'
import { Files } from '../../src/files.ts'
import { fileStore, fromPath } from '../../src/node.ts'
import { wireOf } from '../faults.ts'
import { adapterOf, type KillJob } from './job.ts'

const job: KillJob = JSON.parse(process.argv[2] ?? '{}')
const wire = wireOf(await adapterOf(job.adapter))
// What the provider acknowledged is written down at once and synchronously: it survives the kill.
wire.onAcknowledged = ({ start, size }) => appendFileSync(job.log, `${start} ${size}\n`)
const files = new Files({ adapter: wire.adapter })
const { url, etag } = await files.upload(job.key, fromPath(job.path), {
  resume: fileStore(job.tokens),
  multipart: { partSize: job.partSize, concurrency: 4 },
  ...(job.maxBytesPerSecond === undefined ? {} : { maxBytesPerSecond: job.maxBytesPerSecond }),
})
process.stdout.write(JSON.stringify({ url, etag, resumed: !wire.calls.includes('begin') }))
