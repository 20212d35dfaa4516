import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { buildToRun } from '../../scripts/pack.ts'
import type { Contestant } from './contestant.ts'

const root = join(import.meta.dirname, '../..')
const built = join(root, '.cache/bench-server')
let building: Promise<void> | undefined

/** More than a disk may have room for. */
const HUGE = 'memory-huge'

export const pawl: Contestant = {
  name: 'pawl',
  guarantee:
    'bytes, folder entry and catalog row are synced to the disk before the answer that completes an upload; ' +
    'acknowledged offsets before that survive `kill -9`',
  // As it is shipped: built, default durability, logs on. One client is
  // here what many are elsewhere: its limits are lifted.
  command: (dataDir) => [
    join(built, 'dist/main.js'),
    '--port',
    '0',
    '--data',
    dataDir,
    '--max-open',
    '1000000',
    '--max-active',
    '10000',
  ],
  // Without keys, as the peers run; a check of a signed token per request is not part of these numbers.
  env: { PAWL_DEV: '1' },
  version: gitVersion,
  can: (workload) => workload !== HUGE,
  prepare: async () => {
    building ??= buildToRun('server', built)
    await building
    return true
  },
}

/** Only what a byte costs is of interest without something. */
const bulkOnly = (workload: string): boolean => workload === 'patch-one'

function variant(
  name: string,
  without: string,
  guarantee: string,
  can: (workload: string) => boolean = bulkOnly,
): Contestant {
  const script = join(root, 'bench/variants/pawl.ts')
  const command = (dataDir: string) => [script, '--data', dataDir, '--without', without]
  return { ...pawl, name, guarantee, command, can, prepare: async () => true }
}

export const pawlVariants: readonly Contestant[] = [
  variant('undigested', 'digests', 'Pawl that computes no digest of a body'),
  variant('unsynced', 'digests,syncs', 'Pawl that computes no digest and syncs no bytes'),
  variant(
    'uncollected',
    'collecting',
    'Pawl that frees no buffers of its own accord, as a part of another server',
    (workload) => workload.startsWith('download'),
  ),
  variant(
    'discarding',
    'digests,syncs,bytes',
    'Pawl that throws large bodies away, to see what it holds of them',
    (workload) => workload === HUGE,
  ),
]

/** The commit, with a mark when tracked sources differ from it. */
function gitVersion(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'packages') !== ''
    return git('rev-parse', '--short', 'HEAD') + (changed ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}
