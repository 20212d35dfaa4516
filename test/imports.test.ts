import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { findViolations } from '../scripts/imports.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** Lays out a workspace in an empty folder and tells what the check says about it. */
function check(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'imports-'))
  folders.push(root)
  const manifests = { protocol: '@pawl/protocol', client: 'pawl', server: '@pawl/server', web: '@pawl/web' }
  for (const [folder, name] of Object.entries(manifests)) {
    files[`${folder}/package.json`] = JSON.stringify({ name })
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, 'packages', path)), { recursive: true })
    writeFileSync(join(root, 'packages', path), text)
  }
  return findViolations(root).map(({ file, line, imported }) => `${file.slice(9)}:${line} ${imported}`)
}

test('this repository keeps to its import directions', () => {
  expect(findViolations(join(import.meta.dirname, '..'))).toEqual([])
})

describe('between packages', () => {
  test('the allowed directions pass', () => {
    const found = check({
      'client/src/a.ts': `import { b } from '@pawl/protocol'`,
      'server/src/a.ts': `export { b } from '@pawl/protocol'`,
      'web/test/a.ts': `import '../../server/test/process.ts'`,
      'web/src/a.tsx': `import 'pawl/react'; import type { Upload } from '@pawl/server'`,
    })
    expect(found).toEqual([])
  })

  test.each([
    ['protocol/src/a.ts', `import '@pawl/server'`, '@pawl/server'],
    ['protocol/src/a.ts', `export * from 'pawl/s3'`, 'pawl/s3'],
    ['client/src/a.ts', `const { x } = await import('@pawl/server')`, '@pawl/server'],
    ['client/test/a.test.ts', `let x: import('@pawl/server').Upload`, '@pawl/server'],
    ['server/src/a.ts', `import type { Files } from 'pawl'`, 'pawl'],
    ['server/src/a.ts', `import x from '../../client/src/files.ts'`, '../../client/src/files.ts'],
    ['server/src/a.ts', `import x from '../../protocol/src/index.ts'`, '../../protocol/src/index.ts'],
    ['server/src/a.cts', `const x = require('pawl')`, 'pawl'],
  ])('%s must not contain %s', (file, text, imported) => {
    expect(check({ [file]: `// first line\n${text}` })).toEqual([`${file}:2 ${imported}`])
  })
})

describe('inside the server', () => {
  test('interfaces may be imported by everybody, implementations by the places that put the server together', () => {
    const found = check({
      'server/src/server.ts': `import './blobs/disk/disk-store.ts'; import './catalog/sqlite/catalog.ts'`,
      'server/src/http/tus/patch.ts': `import '../../uploads/uploads.ts'; import '../../blobs/blob-store.ts'`,
      'server/src/blobs/disk/disk-store.ts': `import './read.ts'; import '../blob-store.ts'; import 'node:fs'`,
      'server/src/blobs/disk/disk-store.test.ts': `import '../memory/memory-store.ts'`,
      'server/test/kill.test.ts': `import '../src/blobs/disk/disk-store.ts'`,
    })
    expect(found).toEqual([])
  })

  test.each([
    ['http/tus/patch.ts', 'node:fs/promises'],
    ['http/app.ts', 'node:fs'],
    ['http/tus/create.ts', 'node:sqlite'],
    ['http/app.ts', '../blobs/disk/disk-store.ts'],
    ['http/tus/head.ts', '../../catalog/sqlite/catalog.ts'],
    ['uploads/finish.ts', '../http/app.ts'],
    ['uploads/finish.ts', '../blobs/disk/disk-store.ts'],
    ['catalog/sqlite/catalog.ts', '../memory/catalog.ts'],
  ])('%s must not import %s', (file, imported) => {
    const path = `server/src/${file}`
    expect(check({ [path]: `import '${imported}'` })).toEqual([`${path}:1 ${imported}`])
  })

  test.each([
    [`'../catalog/sqlite/worker.ts'`, '../catalog/sqlite/worker.ts'],
    ['`../catalog/sqlite/worker$' + '{ending}`', '../catalog/sqlite/worker'],
  ])('a worker started from %s counts as an import', (address, imported) => {
    const file = 'server/src/http/app.ts'
    const text = `new Worker(new URL(${address}, import.meta.url))`
    expect(check({ [file]: text })).toEqual([`${file}:1 ${imported}`])
  })
})

test('a file that cannot be parsed is an error, not a file without imports', () => {
  expect(() => check({ 'server/src/a.ts': `import { from 'pawl'` })).toThrow(/a\.ts/)
})
