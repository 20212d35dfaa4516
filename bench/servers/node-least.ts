import { join } from 'node:path'
import type { Contestant } from './contestant.ts'

function least(name: string, workloads: RegExp, guarantee: string): Contestant {
  return {
    name,
    guarantee: `a node:http server that ${guarantee}`,
    command: (dataDir) => [join(import.meta.dirname, `../variants/${name}.ts`), '--data', dataDir],
    env: {},
    can: (workload) => workloads.test(workload),
    version: () => `Node ${process.version}`,
    prepare: async () => true,
  }
}

/** What Node itself costs on this machine. */
export const nodeServers: readonly Contestant[] = [
  {
    ...least(
      'node-least',
      /^patch/,
      'only gathers and writes: what Node itself costs here; nothing is synced, verified, locked or recorded',
    ),
    filesIn: (dataDir) => dataDir,
  },
  least(
    'node-packing',
    /^(small|creation)/,
    'only appends what comes together to one file, with one sync: what Node and the disk cost here; nothing is recorded',
  ),
]
