/** What a page has to load for `pawl` and `pawl/tus`. Checked by `npm run check` and by a test. */
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type OutputChunk } from 'rolldown'

export const root = join(import.meta.dirname, '..')
/** Bytes, minified and compressed by gzip, which every server has. */
export const LIMIT = 12_000

/** Optional peers: whoever uses them has them; a page that does not never loads them. */
function isPeer(id: string): boolean {
  return id === 'google-auth-library'
}

/**
 * @param inline In one file, what is imported late too.
 * @param isForeign Modules, by their path, that are left out.
 */
export async function bundle(
  code: string,
  inline: boolean,
  isForeign: (id: string) => boolean = isPeer,
): Promise<OutputChunk[]> {
  const { output } = await build({
    input: 'entry',
    platform: 'browser',
    write: false,
    output: { format: 'esm', minify: true, ...(inline ? { codeSplitting: false } : {}) },
    plugins: [
      {
        name: 'entry',
        resolveId: (id, importer) => {
          if (id === 'entry') return join(root, 'entry.js')
          const path = id.startsWith('.') ? join(dirname(importer ?? ''), id) : id
          return isForeign(path) ? { id: path, external: true } : null
        },
        load: (id) => (id === join(root, 'entry.js') ? code : null),
      },
    ],
  })
  return output.filter((chunk) => chunk.type === 'chunk')
}

/** Loaded for every tus upload, although it is imported late; and by which HTTP it goes. */
const ALWAYS = 'lanes-course'
const HTTP = { 'a page or its workers': ['xhr-http'], 'a service worker': ['fetch-http', 'whole-piece'] }

export interface PageSize {
  readonly where: string
  /** Bytes. */
  readonly size: number
  /** Chunks that not every upload needs. */
  readonly others: number
}

/** What is loaded for one upload, by where it runs. @throws Error if a chunk was renamed */
export async function pageSizes(): Promise<PageSize[]> {
  const code = `export * from './src/index.ts'\nexport * from './src/adapters/tus/tus.ts'`
  const chunks = await bundle(code, false)
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]))
  return Object.entries(HTTP).map(([where, http]) => {
    const loaded = new Set<OutputChunk>()
    const load = (chunk: OutputChunk | undefined) => {
      if (!chunk || loaded.has(chunk)) return
      loaded.add(chunk)
      for (const name of chunk.imports) load(byName.get(name))
    }
    const named = (name: string) => {
      const chunk = chunks.find(({ fileName }) => fileName.startsWith(`${name}-`))
      if (!chunk) throw new Error(`there is no chunk ${name}: name the one that takes its place`)
      return chunk
    }
    for (const chunk of [...chunks.filter(({ isEntry }) => isEntry), ...[ALWAYS, ...http].map(named)])
      load(chunk)
    const text = [...loaded].map((chunk) => chunk.code).join('\n')
    return { where, size: gzipSync(text, { level: 9 }).length, others: chunks.length - loaded.size }
  })
}
