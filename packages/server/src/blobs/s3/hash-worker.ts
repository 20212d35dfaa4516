/** The thread behind HashThread: hashes bytes as they come. Each job has an order of its own. */
import { parentPort } from 'node:worker_threads'
import { type Digests, type Hasher, hasherFor } from '../digests.ts'
import type { HashReply, HashRequest } from './hash-thread.ts'

type NamedHasher = readonly [name: string, hasher: Hasher]
const jobs = new Map<number, readonly NamedHasher[]>()

parentPort?.on('message', (request: HashRequest) => {
  switch (request.kind) {
    case 'begin':
      jobs.set(
        request.id,
        request.algorithms.map((name) => [name, hasherFor(name)] as const),
      )
      return
    case 'bytes':
      for (const { id, skip } of request.jobs) {
        for (const [, hasher] of jobs.get(id) ?? []) hasher.update(request.bytes.subarray(skip))
      }
      return reply({ kind: 'hashed', bytes: request.bytes.byteLength })
    case 'finish': {
      const hashers = jobs.get(request.id) ?? []
      jobs.delete(request.id)
      const digests = Object.fromEntries(hashers.map(([name, hasher]) => [name, hasher.hex()])) as Digests
      return reply({ kind: 'digests', id: request.id, digests })
    }
    case 'cancel':
      jobs.delete(request.id)
  }
})

function reply(message: HashReply): void {
  parentPort?.postMessage(message)
}
