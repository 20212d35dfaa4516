// What every uploading script does: reads its job, warms up, uploads, and tells what that cost as a line of JSON.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const MIB = 1024 * 1024

export async function runJob(upload) {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      file: { type: 'string' },
      // Uploaded once before anything is measured.
      'warm-up': { type: 'string' },
      // How often, at the same time.
      count: { type: 'string', default: '1' },
      verified: { type: 'boolean', default: false },
      fixed: { type: 'boolean', default: false },
      // Each checksum goes before its chunk.
      before: { type: 'boolean', default: false },
    },
  })
  const { file, count, 'warm-up': warmUp } = values
  if (warmUp !== undefined) await upload(values, warmUp)
  const idle = resident()
  let peak = idle
  const sampler = setInterval(() => {
    peak = Math.max(peak, resident())
  }, 20)
  const before = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: Number(count) }, () => upload(values, file)))
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  clearInterval(sampler)
  const cpuSeconds = (user + system) / 1e6
  process.stdout.write(`${JSON.stringify({ seconds, cpuSeconds, overIdleMiB: (peak - idle) / MIB })}\n`)
  // Connections that are kept for the next request must not be waited for.
  process.exit(0)
}

/** Bytes; 0 where the system does not tell. */
function resident() {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
