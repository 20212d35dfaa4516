/** A server in C that does the least: what the machine itself can do with one thread. */
import { compile, programOf } from './compiled.ts'
import type { Contestant } from './contestant.ts'

const SOURCE = 'c-server/server.c'
function contestant(name: string, flags: readonly string[], can: RegExp, guarantee: string): Contestant {
  return {
    name,
    guarantee,
    program: programOf(SOURCE),
    command: (dataDir) => ['--port', '0', '--data', dataDir, ...flags],
    env: {},
    can: (workload) => can.test(workload),
    filesIn: (dataDir) => dataDir,
    version: () => 'bench/peers/c-server',
    async prepare(say) {
      if (compile(SOURCE)) return true
      say(`${name} is left out: it needs Linux and a C compiler (cc)`)
      return false
    },
  }
}

export const cServers: readonly Contestant[] = [
  contestant(
    'c-plain',
    ['--records'],
    // It has no digests, no leases and no downloads.
    /^(patch|small-64|head)/,
    'one thread, epoll, 256 KiB at a time into the file, a JSON file beside it; nothing is synced, verified or locked',
  ),
  contestant(
    'c-sync',
    ['--sync'],
    /^patch-one$/,
    'the same without the JSON file, with one fdatasync at the end of each upload',
  ),
]
