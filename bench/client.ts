/** The load generator as a process: runs one workload after the other against the servers it is told. */
import type { ClientReply, ClientRequest } from './client-process.ts'
import { workloads } from './workloads/workloads.ts'

process.on('message', (request: ClientRequest) => {
  run(request).then(
    (measurement) => tell({ kind: 'measured', measurement }),
    (error: unknown) =>
      tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
  )
})
// The parent is gone: so is the reason to go on.
process.on('disconnect', () => process.exit(0))

function run({ workload: name, target, scale }: ClientRequest) {
  const workload = workloads.find((known) => known.name === name)
  if (workload === undefined) throw new Error(`there is no workload ${name}`)
  return workload.run(target, scale)
}

function tell(reply: ClientReply): void {
  process.send?.(reply)
}
