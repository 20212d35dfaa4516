/** What the system says about a server's process: CPU time and memory. Linux only; undefined elsewhere. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Of /proc/<pid>/stat: the kernel's USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const QUIET_MS = 250
const QUIET_LIMIT_MS = 15_000

/** CPU seconds of all threads since the start, user and system, in steps of 10 ms. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The second field is the command in parentheses and may contain anything.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields && (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number | undefined {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '')
  return match === null ? undefined : Number(match[1]) * 1024
}

/** Resolves when the process does nothing any more: what it does behind its answers costs CPU, too. */
export async function quiet(pid: number): Promise<void> {
  const until = performance.now() + QUIET_LIMIT_MS
  for (let last = cpuSeconds(pid); performance.now() < until; ) {
    await sleep(QUIET_MS)
    const now = cpuSeconds(pid)
    if (now === undefined || now - (last ?? 0) < 0.011) return
    last = now
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
