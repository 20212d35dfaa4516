import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { install } from '../../scripts/install.mjs'
import type { Contestant } from './contestant.ts'

const peers = join(import.meta.dirname, '../peers')

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
  version() {
    const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
      readFileSync(join(peers, 'package.json'), 'utf8'),
    )
    return ['@tus/server', '@tus/file-store'].map((name) => `${name} ${dependencies[name]}`).join(', ')
  },
  // A lock file of their own: what only the benchmark needs stays out of everybody's `npm ci`.
  can: (workload) => workload !== 'growth',
  async prepare(say) {
    await install(peers, { dev: false, say: (line) => say(`Peers: ${line}`) })
    return true
  },
}
