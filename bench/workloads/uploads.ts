/** Clients: how fast they send a file, and what that costs them. */
import { execFile } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openLink } from '../load/link.ts'
import type { Contestant, Uploader, UploadJob, UploadReport } from '../servers/contestant.ts'
import { pawl } from '../servers/pawl.ts'
import { startServer } from '../servers/server-process.ts'
import { receivedBy, sink } from '../servers/sink.ts'
import type { Measurement, Scale, UploadPlace, UploadWorkload } from './workload.ts'

const MIB = 1024 * 1024
const common = { unit: 'MB/s', better: 'higher', cpuPer: 'GiB' } as const

/** Fast for one person, far from the server, and not quite reliable. */
const LINE = {
  bytesPerSecond: 40e6,
  roundTripMs: 100,
  stallEvery: 24 * MIB,
  stallMs: 200,
  breakEvery: 96 * MIB,
}

export const uploads: readonly UploadWorkload[] = [
  ...[1, 4].flatMap((count) =>
    [false, true].map((verified): UploadWorkload => {
      const files = count === 1 ? 'one file' : `${count} files at once`
      return {
        ...common,
        name: `upload-${count}${verified ? '-verified' : ''}`,
        title: `Client, ${files}${verified ? ', verified' : ''}`,
        upload: (uploader, place, scale) => toSink(uploader, place, scale, count, verified),
      }
    }),
  ),
  {
    ...common,
    name: 'upload-s3',
    title: 'Client, S3, one file, checksums on',
    upload: (uploader, place, scale) => toSink(uploader, place, scale, 1, false),
  },
  {
    ...common,
    name: 'upload-link',
    title: `Client, ${(LINE.bytesPerSecond * 8) / 1e6} Mbit/s, ${LINE.roundTripMs} ms, stalls and broken connections`,
    upload: overLink,
  },
  {
    name: 'upload-memory',
    title: 'Client, memory over idle, one very large file, verified',
    unit: 'MiB',
    better: 'lower',
    upload: memoryOf,
  },
]

async function toSink(
  uploader: Uploader,
  place: UploadPlace,
  scale: Scale,
  count: number,
  verified: boolean,
): Promise<Measurement> {
  const size = scale.uploadBytes
  const [file, warmUp] = await Promise.all([
    fileOf(place.shared, size),
    fileOf(place.shared, Math.min(size, 64 * MIB)),
  ])
  return withServer(sink, place.folder, async (url) => {
    const job = { url, file, warmUp, count, verified }
    const report = await uploading(uploader, place.workload, job)
    const received = await receivedBy(url)
    const sent = count * size
    // A client that needs no warming up leaves it out.
    if (received !== sent && received !== sent + Math.min(size, 64 * MIB)) {
      throw new Error(`${received} bytes arrived of ${sent}`)
    }
    return measured(sent, report)
  })
}

/** A real server, which keeps what arrived of a broken request. */
function overLink(uploader: Uploader, place: UploadPlace, scale: Scale): Promise<Measurement> {
  const size = scale.linkBytes
  return withServer(pawl, place.folder, async (url) => {
    const link = await openLink({ ...LINE, seed: place.round }, Number(new URL(url).port))
    try {
      const through = `http://127.0.0.1:${link.port}`
      const job = { url: through, file: await fileOf(place.shared, size), count: 1, verified: false }
      return measured(size, await uploading(uploader, place.workload, job))
    } finally {
      link.close()
    }
  })
}

/** The file has no blocks on a disk: only its size counts. */
async function memoryOf(uploader: Uploader, place: UploadPlace, scale: Scale): Promise<Measurement> {
  const size = scale.hugeBytes
  // Where memory files are, holes cost nothing to read.
  const folder = existsSync('/dev/shm') ? '/dev/shm' : place.folder
  const file = join(folder, `pawl-bench-${process.pid}`)
  return withServer(sink, place.folder, async (url) => {
    try {
      await writeFile(file, '')
      await truncate(file, size)
      const report = await uploading(uploader, place.workload, { url, file, count: 1, verified: true })
      if ((await receivedBy(url)) !== size) throw new Error('not all bytes arrived')
      return { value: report.overIdleMiB, details: { ...report, fileMiB: size / MIB } }
    } finally {
      await rm(file, { force: true })
    }
  })
}

async function withServer(
  server: Contestant,
  folder: string,
  work: (url: string) => Promise<Measurement>,
): Promise<Measurement> {
  if (!(await server.prepare(() => {})))
    throw new Error('there is no C compiler for the server that is sent to')
  const { port, stop } = await startServer(server, folder, undefined)
  try {
    return await work(`http://127.0.0.1:${port}`)
  } finally {
    await stop()
  }
}

async function uploading(uploader: Uploader, workload: string, job: UploadJob): Promise<UploadReport> {
  const { stdout } = await promisify(execFile)(uploader.program, uploader.arguments(workload, job), {
    timeout: 170_000,
  })
  return (uploader.report ?? JSON.parse)(stdout.trim())
}

function measured(bytes: number, { seconds, cpuSeconds, overIdleMiB }: UploadReport): Measurement {
  return {
    value: bytes / seconds / 1e6,
    amount: bytes,
    costs: { cpu: cpuSeconds, cpuAfter: cpuSeconds, loadCpu: 0 },
    details: { overIdleMiB },
  }
}

/** A file of random bytes that is made once, and is in the page cache afterwards. */
async function fileOf(folder: string, size: number): Promise<string> {
  const path = join(folder, `upload-${size}`)
  if (existsSync(path)) return path
  const handle = await open(path, 'w')
  const block = Buffer.allocUnsafe(MIB)
  for (let at = 0; at < size; at += MIB)
    await handle.write(randomFillSync(block), 0, Math.min(MIB, size - at))
  await handle.close()
  return path
}
