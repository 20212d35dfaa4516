import { join } from 'node:path'
import type { Contestant } from './contestant.ts'

export const nodeLeast: Contestant = {
  name: 'node-least',
  guarantee:
    'a node:http server that only gathers and writes: what Node itself costs here; nothing is synced, verified, ' +
    'locked or recorded',
  command: (dataDir) => [join(import.meta.dirname, '../variants/node-least.ts'), '--data', dataDir],
  env: {},
  can: (workload) => workload.startsWith('patch'),
  filesIn: (dataDir) => dataDir,
  version: () => `Node ${process.version}`,
  prepare: async () => true,
}
