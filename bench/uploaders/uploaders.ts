/** Clients that are measured. The first is ours: every ratio is ours to another's. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Uploader, UploadJob, UploadReport } from '../servers/contestant.ts'
import { pawl } from '../servers/pawl.ts'
import { installPeers, peers, versionOf } from '../servers/peers.ts'

function flags({ url, file, warmUp, count, verified }: UploadJob): string[] {
  return [
    ...['--url', url, '--file', file, '--count', String(count)],
    ...(warmUp === undefined ? [] : ['--warm-up', warmUp]),
    ...(verified ? ['--verified'] : []),
  ]
}

const S3 = 'upload-s3'
const LINK = 'upload-link'
const MEMORY = 'upload-memory'

function ours(name: string, guarantee: string, can: (workload: string) => boolean, more: string[]): Uploader {
  const script = (workload: string) => (workload === S3 ? 'pawl-s3.js' : 'pawl-tus.js')
  return {
    name,
    guarantee,
    program: process.execPath,
    arguments: (workload, job) => [join(import.meta.dirname, script(workload)), ...flags(job), ...more],
    version: pawl.version,
    can,
    // What is sent over the slow line is sent to it.
    prepare: pawl.prepare,
  }
}

function theirs(name: string, script: string, packages: string[], can: Uploader['can']): Uploader {
  return {
    name,
    guarantee: '',
    program: process.execPath,
    arguments: (_, job) => [join(peers, 'uploaders', script), ...flags(job)],
    version: () => versionOf(...packages),
    ...(can && { can }),
    prepare: installPeers,
  }
}

/** The shell around it tells what it cost: the kernel counts the CPU time of children that have ended. */
const CURL = 'curl -sS "$@" && cat /proc/$$/stat'
/** Of /proc/<pid>/stat: see proc(5). */
const [CHILDREN_USER, CHILDREN_SYSTEM, TICKS_PER_SECOND] = [13, 14, 100]

function curlReport(output: string): UploadReport {
  const lines = output.split('\n')
  const fields = lines.pop()?.split(') ')[1]?.split(' ') ?? []
  const ticks = Number(fields[CHILDREN_USER]) + Number(fields[CHILDREN_SYSTEM])
  return {
    seconds: Math.max(...lines.map(Number)),
    cpuSeconds: ticks / TICKS_PER_SECOND,
    overIdleMiB: Number.NaN,
  }
}

const curl: Uploader = {
  name: 'curl',
  guarantee:
    '`curl -T`, several at once with `--parallel`: one PUT each, nothing verified, nothing to resume',
  program: '/bin/sh',
  arguments: (_, { url, file, count }) => [
    '-c',
    CURL,
    'sh',
    ...(count > 1 ? ['--parallel', '--parallel-immediate'] : []),
    ...['-w', '%{time_total}\\n'],
    ...Array.from({ length: count }, (__, i) => ['-o', '/dev/null', '-T', file, `${url}/put/${i}`]).flat(),
  ],
  report: curlReport,
  version: () => execFileSync('curl', ['--version'], { encoding: 'utf8' }).split(' ').slice(0, 2).join(' '),
  can: (workload) => ![S3, LINK, MEMORY].includes(workload) && process.platform === 'linux',
  async prepare(say) {
    try {
      curl.version()
      return true
    } catch {
      say('curl is left out: it is not installed')
      return false
    }
  },
}

export const uploaders: readonly Uploader[] = [
  ours(
    'client',
    'the provider was told every byte, and has said that the object is complete; verified: each chunk carries its ' +
      "CRC-32 behind it (`checksum: 'trailer'`), and a token proves the body to whoever resumes",
    () => true,
    [],
  ),
  ours('client-6m', 'the same with chunks that are always 6 MiB', (workload) => workload === LINK, [
    '--fixed',
  ]),
  ours(
    'client-before',
    'the same with each CRC-32 before its chunk, which is held for it: the default, which works through proxies too',
    (workload) => workload.endsWith('-verified'),
    ['--before'],
  ),
  curl,
  {
    ...theirs(
      'tus-js-client',
      'tus-js-client.js',
      ['tus-js-client'],
      (workload) => ![S3, LINK, MEMORY].includes(workload),
    ),
    guarantee: 'four parts side by side, in chunks of 6 MiB: its quickest setting; nothing verified',
  },
  {
    ...theirs('lib-storage', 'lib-storage.js', ['@aws-sdk/lib-storage'], (workload) => workload === S3),
    guarantee: 'parts of 8 MiB, four at a time, its default checksums (CRC-32)',
  },
]
