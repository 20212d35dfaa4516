/** Runs the timed part of a workload and keeps the clock, the CPU time and the client's own share together. */
import { cpuSeconds, quiet } from './process-facts.ts'

export interface Timed<T> {
  readonly result: T
  readonly seconds: number
  readonly costs: Costs
}

export interface Costs {
  /** CPU seconds of what is measured until the last answer; undefined where the system does not tell. */
  readonly cpu: number | undefined
  /** The same until it was quiet: digests and syncs behind the answers included. */
  readonly cpuAfter: number | undefined
  /** Of the other side, where that is known. */
  readonly loadCpu: number
}

export async function timed<T>(pid: number, work: () => Promise<T>): Promise<Timed<T>> {
  const serverBefore = cpuSeconds(pid)
  const clientBefore = process.cpuUsage()
  const start = performance.now()
  const result = await work()
  const seconds = (performance.now() - start) / 1000
  const client = process.cpuUsage(clientBefore)
  const serverAtEnd = cpuSeconds(pid)
  await quiet(pid)
  return {
    result,
    seconds,
    costs: {
      cpu: difference(serverBefore, serverAtEnd),
      cpuAfter: difference(serverBefore, cpuSeconds(pid)),
      loadCpu: (client.user + client.system) / 1e6,
    },
  }
}

function difference(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before
}
