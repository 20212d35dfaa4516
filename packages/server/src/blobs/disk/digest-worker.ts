/**
 * The thread behind DigestThread: hashes ranges of files through one buffer. Jobs take turns slice by slice,
 * so that a short one does not wait for a long one.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { type DigestAlgorithm, type Digests, type Hasher, hasherFor } from '../digests.ts'
import type { DigestReply, DigestRequest } from './digest-thread.ts'

interface Range {
  readonly path: string
  at: number
  readonly to: number
}

interface Job {
  readonly id: number
  readonly hashers: readonly (readonly [DigestAlgorithm, Hasher])[]
  readonly ranges: Range[]
  finishing: boolean
  error: string | undefined
}

const SLICE = 4 * 1024 * 1024
const buffer = Buffer.allocUnsafeSlow(1024 * 1024)
const jobs = new Map<number, Job>()
let scheduled = false

parentPort?.on('message', (request: DigestRequest) => {
  if (request.kind === 'begin') {
    const hashers = request.algorithms.map((name) => [name, hasherFor(name)] as const)
    jobs.set(request.id, { id: request.id, hashers, ranges: [], finishing: false, error: undefined })
    return
  }
  const job = jobs.get(request.id)
  if (job === undefined) return
  if (request.kind === 'cancel') jobs.delete(job.id)
  if (request.kind === 'read') job.ranges.push({ path: request.path, at: request.from, to: request.to })
  if (request.kind === 'finish') job.finishing = true
  schedule()
})

function schedule(): void {
  if (scheduled) return
  scheduled = true
  setImmediate(turn)
}

/** One slice of every job that has something to do, then whatever messages came meanwhile. */
function turn(): void {
  scheduled = false
  for (const job of jobs.values()) {
    if (job.error === undefined) readSlice(job)
    if (job.ranges.length > 0 && job.error === undefined) schedule()
    else if (job.finishing) {
      jobs.delete(job.id)
      reply(job)
    }
  }
}

function readSlice(job: Job): void {
  const range = job.ranges[0]
  if (range === undefined) return
  try {
    const file = openSync(range.path, 'r')
    try {
      const stop = Math.min(range.to, range.at + SLICE)
      while (range.at < stop) {
        const read = readSync(file, buffer, 0, Math.min(buffer.length, stop - range.at), range.at)
        if (read === 0) throw new Error(`the file ends at ${range.at} instead of ${range.to} bytes`)
        for (const [, hasher] of job.hashers) hasher.update(buffer.subarray(0, read))
        range.at += read
      }
    } finally {
      closeSync(file)
    }
    if (range.at === range.to) job.ranges.shift()
  } catch (error) {
    job.error = error instanceof Error ? error.message : String(error)
  }
}

function reply({ id, hashers, error }: Job): void {
  const result: DigestReply =
    error === undefined
      ? { id, digests: Object.fromEntries(hashers.map(([name, h]) => [name, h.hex()])) as Digests }
      : { id, error }
  parentPort?.postMessage(result)
}
