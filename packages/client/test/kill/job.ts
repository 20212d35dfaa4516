/** What a killed process needs to know, as JSON: an adapter cannot be handed over, only described. */
import type { Adapter } from '../../src/adapter.ts'

export type AdapterDescription =
  | { readonly name: 'fs'; readonly root: string }
  | { readonly name: 'tus'; readonly endpoint: string; readonly parallel: number }

export interface KillJob {
  readonly adapter: AdapterDescription
  readonly path: string
  readonly key: string
  /** Folder of the token store. */
  readonly tokens: string
  /** Acknowledged pieces, one `start size` a line. */
  readonly log: string
  readonly partSize: number
  readonly maxBytesPerSecond?: number
}

export async function adapterOf(description: AdapterDescription): Promise<Adapter> {
  if (description.name === 'fs') return (await import('../../src/adapters/fs/fs.ts')).fs(description)
  return (await import('../../src/adapters/tus/tus.ts')).tus(description)
}
