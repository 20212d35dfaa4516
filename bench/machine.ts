/** The machine that measured: numbers without it mean nothing. */
import { statfsSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  /** Of the data folders. */
  readonly fileSystem: string
  /** Processes that wanted to run just before, one-minute average: above 0.5 somebody else is at work. */
  readonly loadBefore: number
}

/** Magic numbers of statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs (memory: what syncing costs does not show)',
  2035054128: 'overlayfs',
  801189825: 'zfs',
}

export function machine(folder: string): Machine {
  const kind = statfsSync(folder).type
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    fileSystem: FILE_SYSTEMS[kind] ?? `type ${kind.toString(16)}`,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}
