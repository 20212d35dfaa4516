/** The thread behind DigestWorkers: one file after the other, through one buffer. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { DigestReply, DigestRequest } from './digest-workers.ts'

const buffer = Buffer.allocUnsafeSlow(1024 * 1024)

parentPort?.on('message', (request: DigestRequest) => {
  let reply: DigestReply
  try {
    reply = { digest: digest(request) }
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(reply)
})

function digest(files: DigestRequest): string {
  const hash = createHash('sha256')
  for (const { path, length } of files) {
    const file = openSync(path, 'r')
    try {
      for (let at = 0; at < length; ) {
        const read = readSync(file, buffer, 0, Math.min(buffer.length, length - at), at)
        if (read === 0) throw new Error(`the file ends at ${at} instead of ${length} bytes`)
        hash.update(buffer.subarray(0, read))
        at += read
      }
    } finally {
      closeSync(file)
    }
  }
  return hash.digest('hex')
}
