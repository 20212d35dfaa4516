import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBrokenLinks, markdownFiles } from '../scripts/links.ts'

const root = join(import.meta.dirname, '..')
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'links-'))
  mkdirSync(join(folder, 'docs'))
  writeFileSync(
    join(folder, 'docs/guide.md'),
    '# The `first` step\n\n## Again\n\n## Again\n\n<a id="here"></a>\n',
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

function check(markdown: string): string[] {
  writeFileSync(join(folder, 'README.md'), markdown)
  return findBrokenLinks(folder, ['README.md']).map(({ line, target }) => `${line} ${target}`)
}

test('every link in the documents of this repository leads somewhere', () => {
  expect(findBrokenLinks(root, markdownFiles(root))).toEqual([])
})

test.each([
  '[a](docs/guide.md)',
  '[a](docs/)',
  '[a](/docs/guide.md "title")',
  '[a](docs/guide.md#the-first-step)',
  '[a](docs/guide.md#again-1)',
  '[a](docs/guide.md#here)',
  '# Own heading\n[a](#own-heading)',
  '[a](https://example.com/nowhere.md) [b](mailto:someone@example.com)',
  '`[a](gone.md)`',
  '```md\n[a](gone.md)\n```',
])('%j is fine', (markdown) => {
  expect(check(markdown)).toEqual([])
})

test.each([
  ['one\n\n[a](gone.md)', '3 gone.md'],
  ['```\ncode\n```\n[a](docs/gone.md#x)', '4 docs/gone.md#x'],
  ['[a](docs/guide.md#again-2)', '1 docs/guide.md#again-2'],
  ['[a](#nowhere)', '1 #nowhere'],
  ['[a][b]\n\n[b]: gone.md', '3 gone.md'],
  ['<img alt="" src="gone.png">', '1 gone.png'],
  ['[a](../outside.md)', '1 ../outside.md'],
])('%j is broken', (markdown, broken) => {
  expect(check(markdown)).toEqual([broken])
})
