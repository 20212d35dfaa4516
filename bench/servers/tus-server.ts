import { join } from 'node:path'
import type { Contestant } from './contestant.ts'
import { installPeers, peers, versionOf } from './peers.ts'

export const tusServer: Contestant = {
  name: 'tus-server',
  guarantee:
    'bytes and JSON file are handed to the operating system; nothing is ever synced, so a power cut may take ' +
    'an upload that was answered as complete',
  command: (dataDir) => [join(peers, 'tus-server.js'), '--port', '0', '--data', dataDir],
  env: {},
  // On Node 24 a GET ends this version's process (`ReadableStream is already closed`, thrown where nobody can
  // catch it), so what it stored is compared on the disk.
  filesIn: (dataDir) => dataDir,
  version: () => versionOf('@tus/server', '@tus/file-store'),
  can: (workload) => !['growth', 'waiters', 'memory-huge'].includes(workload),
  prepare: installPeers,
}
