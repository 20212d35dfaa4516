/** What a page has to load for `pawl` and `pawl/tus`, and that loading touches nothing. */
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { brotliCompressSync } from 'node:zlib'
import { build, type OutputChunk } from 'rolldown'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
/** Bytes, minified and compressed. */
const LIMIT = 12_000

async function bundle(code: string, inline: boolean): Promise<OutputChunk[]> {
  const { output } = await build({
    input: 'entry',
    platform: 'browser',
    write: false,
    output: { format: 'esm', minify: true, ...(inline ? { codeSplitting: false } : {}) },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? join(root, 'entry.js') : null),
        load: (id) => (id === join(root, 'entry.js') ? code : null),
      },
    ],
  })
  return output.filter((chunk) => chunk.type === 'chunk')
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

it.each([
  'index',
  'adapters/tus/tus',
  'adapters/resumable-http/resumable-http',
  'adapters/s3/s3',
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
