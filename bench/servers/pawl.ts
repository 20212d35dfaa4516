import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Contestant } from './contestant.ts'

const root = join(import.meta.dirname, '../..')

export const pawl: Contestant = {
  name: 'pawl',
  guarantee:
    'bytes, folder entry and catalog row are synced to the disk before the answer that completes an upload; ' +
    'acknowledged offsets before that survive `kill -9`',
  // As it is shipped: default durability, logs on.
  command: (dataDir) => [join(root, 'packages/server/src/main.ts'), '--port', '0', '--data', dataDir],
  // Without keys, as the peers run; a check of a signed token per request is not part of these numbers.
  env: { PAWL_DEV: '1' },
  version: gitVersion,
  prepare: async () => {},
}

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
