/**
 * Rounds: in each, every workload is measured once with every server, the servers of one workload right after
 * each other, in an order that changes from round to round. So what drifts (the disk, the clock rate, other
 * people's work) meets all of them alike.
 */
import { join } from 'node:path'
import { ClientProcess } from './client-process.ts'
import type { DataFolders } from './data-folders.ts'
import type { Options } from './options.ts'
import { type Contestant, isUploader, type Uploader } from './servers/contestant.ts'
import { startServer } from './servers/server-process.ts'
import { seededRandom, shuffled } from './statistics.ts'
import type { Measurement, Scale, UploadWorkload, Workload } from './workloads/workload.ts'

export interface Run extends Measurement {
  readonly workload: string
  readonly server: string
  readonly round: number
}

export interface Failure {
  readonly workload: string
  readonly server: string
  readonly round: number
  readonly message: string
}

export interface Rounds {
  readonly runs: readonly Run[]
  readonly failures: readonly Failure[]
  /** How many were completed. */
  readonly rounds: number
}

/** `--quick` begins no round that would probably end later than this. */
const QUICK_MS = 80_000

export async function runRounds(
  options: Options,
  scale: Scale,
  folders: DataFolders,
  profiles: string | undefined,
  say: (line: string) => void,
): Promise<Rounds> {
  const random = seededRandom(options.seed)
  const runs: Run[] = []
  const failures: Failure[] = []
  const client = new ClientProcess()
  const start = performance.now()
  let round = 0
  try {
    while (round < options.runs) {
      const passed = performance.now() - start
      if (options.quick && round > 0 && passed + passed / round > QUICK_MS) break
      round += 1
      for (const workload of shuffled(options.workloads, random)) {
        for (const server of shuffled([...options.servers, ...options.uploaders], random)) {
          if (!isMeasured(workload, server)) continue
          const who = { workload: workload.name, server: server.name, round }
          try {
            const measurement =
              'upload' in workload
                ? await measureUploader(workload, server, scale, folders, round)
                : await measure({ workload, server, scale, folders, profiles, client })
            runs.push({ ...who, ...measurement })
            say(
              `round ${round}  ${workload.name}  ${server.name}  ${measurement.value.toPrecision(4)} ${workload.unit}`,
            )
          } catch (error) {
            const message = error instanceof Error ? error.message : String(error)
            failures.push({ ...who, message })
            say(`round ${round}  ${workload.name}  ${server.name}  failed: ${message}`)
          }
        }
      }
    }
  } finally {
    client.close()
  }
  return { runs, failures, rounds: round }
}

/** Clients are measured with the workloads of clients. The delay of an event loop can be told by those who have one. */
export function isMeasured(workload: Workload | UploadWorkload, contestant: Contestant | Uploader): boolean {
  const { can, program } = contestant
  if (isUploader(contestant) !== 'upload' in workload) return false
  return (can?.(workload.name) ?? true) && !(workload.watchesLoop === true && program !== undefined)
}

async function measureUploader(
  { name: workload, upload }: UploadWorkload,
  uploader: Contestant | Uploader,
  scale: Scale,
  folders: DataFolders,
  round: number,
): Promise<Measurement> {
  if (!isUploader(uploader)) throw new Error(`${uploader.name} is no client`)
  const folder = await folders.fresh()
  try {
    return await upload(uploader, { workload, round, folder, shared: folders.root }, scale)
  } finally {
    await folders.putAway(folder, false)
  }
}

async function measure(options: {
  workload: Workload
  server: Contestant | Uploader
  scale: Scale
  folders: DataFolders
  profiles: string | undefined
  client: ClientProcess
}): Promise<Measurement> {
  const { workload, server, scale, folders, profiles, client } = options
  if (isUploader(server)) throw new Error(`${server.name} is no server`)
  const folder = await folders.fresh()
  const profileDir = profiles === undefined ? undefined : join(profiles, `${workload.name}-${server.name}`)
  try {
    const filesIn = server.filesIn === undefined ? {} : { filesIn: server.filesIn(folder) }
    const loopFile = workload.watchesLoop === true ? join(folder, 'loop.json') : undefined
    const { port, pid, stop, output } = await startServer(server, folder, profileDir, loopFile)
    try {
      const target = { port, pid, folder, ...filesIn }
      return await client.measure({ workload: workload.name, target, scale }, workload.limitMinutes)
    } catch (error) {
      const last = output().trim().split('\n').slice(-5).join('\n')
      throw new Error(`${error instanceof Error ? error.message : String(error)}${last && `\n${last}`}`)
    } finally {
      await stop()
    }
  } finally {
    await folders.putAway(folder, workload.manyFiles ?? false)
  }
}
