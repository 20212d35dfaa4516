/** What a page has to load for `pawl` and `pawl/tus`, and that loading touches nothing. */
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'rolldown'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')

async function bundle(code: string) {
  const { output } = await build({
    input: 'entry',
    platform: 'browser',
    write: false,
    output: { format: 'esm', minify: true },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? join(root, 'entry.js') : null),
        load: (id) => (id === join(root, 'entry.js') ? code : null),
      },
    ],
  })
  return output.flatMap((chunk) => (chunk.type === 'chunk' ? [chunk] : []))
}

it('pawl with pawl/tus is at most 12 kB, minified and compressed', async () => {
  const chunks = await bundle(`export * from './src/index.ts'\nexport * from './src/adapters/tus/tus.ts'`)
  const entry = chunks.find((chunk) => chunk.isEntry)
  const first = chunks.filter((chunk) => chunk.isEntry || entry?.imports.includes(chunk.fileName))
  const size = first.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0)
  console.log(
    `pawl + pawl/tus: ${size} bytes at first, ${chunks.length - first.length} more chunks when needed`,
  )
  expect(size).toBeLessThanOrEqual(12_000)
})

it.each(['index', 'adapters/tus/tus', 'adapters/s3/s3', 'adapters/memory/memory', 'browser'])(
  '%s touches no global on import: it loads where there is nothing but the language',
  async (entry) => {
    const chunks = await bundle(
      `import * as all from './src/${entry}.ts'\nglobalThis.loaded = Object.keys(all)`,
    )
    const code = chunks.find((chunk) => chunk.isEntry)?.code ?? ''
    expect(code).not.toMatch(/from\s*["']node:/)
    // A context of its own has the language's objects only: no window, no fetch, no process, no TextEncoder.
    const context: { loaded?: string[] } = {}
    const plain = code
      .replaceAll(/\bimport\s*\{[^}]*\}\s*from\s*"[^"]+";?/g, '')
      .replace(/\bexport\s*\{[^}]*\};?\s*$/, '')
    runInNewContext(plain.replaceAll('import(', 'later('), context)
    expect(context.loaded?.length).toBeGreaterThan(0)
  },
)
