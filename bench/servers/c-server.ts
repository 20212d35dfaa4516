/** A server in C that does the least: what the machine itself can do with one thread. */
import { compile, programOf } from './compiled.ts'
import type { Contestant } from './contestant.ts'

const SOURCE = 'c-server/server.c'
/** What it can do: no digests, no leases, no downloads. */
const CAN = /^(patch|small|creation|head)-?/

function contestant(name: string, flags: readonly string[], guarantee: string): Contestant {
  return {
    name,
    guarantee,
    program: programOf(SOURCE),
    command: (dataDir) => ['--port', '0', '--data', dataDir, ...flags],
    env: {},
    can: (workload) => CAN.test(workload),
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
    'one thread, epoll, 256 KiB at a time into the file, a JSON file beside it; nothing is synced, verified or locked',
  ),
  contestant(
    'c-sync',
    ['--sync'],
    'the same without the JSON file, with one fdatasync at the end of each upload',
  ),
]
