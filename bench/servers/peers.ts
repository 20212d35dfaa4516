/** Packages of the peers. A lock file of their own: what only the benchmark needs stays out of everybody's `npm ci`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { install } from '../../scripts/install.mjs'

export const peers = join(import.meta.dirname, '../peers')

let installed: Promise<void> | undefined

export async function installPeers(say: (line: string) => void): Promise<boolean> {
  installed ??= install(peers, { dev: false, say: (line) => say(`Peers: ${line}`) })
  await installed
  return true
}

export function versionOf(...names: string[]): string {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(peers, 'package.json'), 'utf8'),
  )
  return names.map((name) => `${name} ${dependencies[name]}`).join(', ')
}
