/** A server in C that does the least: what the machine itself can do with one thread. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Contestant } from './contestant.ts'

const source = join(import.meta.dirname, '../peers/c-server/server.c')
const built = join(import.meta.dirname, '../../.cache/bench-c-server')
/** What it can do: no digests, no leases, no downloads. */
const CAN = /^(patch|small|creation|head)-?/

function contestant(name: string, flags: readonly string[], guarantee: string): Contestant {
  return {
    name,
    guarantee,
    program: built,
    command: (dataDir) => ['--port', '0', '--data', dataDir, ...flags],
    env: {},
    can: (workload) => CAN.test(workload),
    filesIn: (dataDir) => dataDir,
    version: () => 'bench/peers/c-server',
    async prepare(say) {
      try {
        mkdirSync(join(built, '..'), { recursive: true })
        execFileSync('cc', ['-O2', '-Wall', '-o', built, source], { stdio: 'pipe' })
        return true
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (process.platform === 'linux' && code !== 'ENOENT') throw error
        say(`${name} is left out: it needs Linux and a C compiler (cc)`)
        return false
      }
    },
  }
}

export const cServers: readonly Contestant[] = [
  contestant(
    'c-plain',
    ['--records'],
    'one thread, epoll, 256 KiB at a time into the file, a JSON file beside it; nothing is synced, verified or locked',
  ),
  contestant(
    'c-sync',
    ['--sync'],
    'the same without the JSON file, with one fdatasync at the end of each upload',
  ),
]
