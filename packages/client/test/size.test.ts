/** What a page has to load for `pawl` and `pawl/tus`, and that loading touches nothing. */
import { dirname, join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { brotliCompressSync } from 'node:zlib'
import { build, type OutputChunk } from 'rolldown'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
/** Bytes, minified and compressed. */
const LIMIT = 12_000

/** @param isForeign Modules, by their path, that are left out. */
async function bundle(
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

/** Optional peers: whoever uses them has them; a page that does not never loads them. */
function isPeer(id: string): boolean {
  return id === 'google-auth-library'
}

/** Loaded for every tus upload in a browser, although it is imported late. */
const ALWAYS = ['lanes-course', 'fetch-http']

it('pawl with pawl/tus, as a page loads them for an upload, are at most 12 kB minified and compressed', async () => {
  const chunks = await bundle(
    `export * from './src/index.ts'\nexport * from './src/adapters/tus/tus.ts'`,
    false,
  )
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]))
  const loaded = new Set<OutputChunk>()
  const load = (chunk: OutputChunk | undefined) => {
    if (!chunk || loaded.has(chunk)) return
    loaded.add(chunk)
    for (const name of chunk.imports) load(byName.get(name))
  }
  for (const chunk of chunks)
    if (chunk.isEntry || ALWAYS.some((name) => chunk.fileName.startsWith(name))) load(chunk)
  const code = [...loaded].map((chunk) => chunk.code).join('\n')
  const size = brotliCompressSync(code).length
  console.log(
    `pawl + pawl/tus: ${size} bytes for an upload, ${chunks.length - loaded.size} chunks for what not everyone needs`,
  )
  expect(size).toBeLessThanOrEqual(LIMIT)
})

/** Bytes of one adapter's own code, minified and compressed. */
const ADAPTER_LIMIT = 5_000

it.each(['gcs/gcs', 'firebase/firebase', 'google-drive/google-drive', 'dropbox/dropbox'])(
  'the code of adapters/%s is at most 5 kB minified and compressed',
  async (entry) => {
    const code = `export * from './src/adapters/${entry}.ts'`
    const adapters = join(root, 'src/adapters/')
    const [chunk] = await bundle(code, true, (id) => id !== 'entry' && !id.startsWith(adapters))
    const size = brotliCompressSync(chunk?.code ?? '').length
    console.log(`${entry}: ${size} bytes`)
    expect(size).toBeGreaterThan(500)
    expect(size).toBeLessThanOrEqual(ADAPTER_LIMIT)
  },
)

it.each([
  'index',
  'adapters/tus/tus',
  'adapters/s3/s3',
  'adapters/gcs/gcs',
  'adapters/memory/memory',
  'browser',
])(
  '%s touches nothing on import: it loads where there is only the language and its text coders',
  async (entry) => {
    const code =
      (
        await bundle(`import * as all from './src/${entry}.ts'\nglobalThis.loaded = Object.keys(all)`, true)
      )[0]?.code ?? ''
    expect(code).not.toMatch(/from\s*["']node:/)
    // No window, no document, no self, no process, no fetch, no crypto, no Event, no Blob.
    const context: { loaded?: string[]; [name: string]: unknown } = { TextEncoder, TextDecoder }
    runInNewContext(code, context)
    expect(context.loaded?.length).toBeGreaterThan(0)
  },
)
