import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const tables = join(import.meta.dirname, '../../../../../docs/design/storage.md')

test('each row of the tables in docs/design/storage.md is one test here, named after it', async () => {
  const rows = (await readFile(tables, 'utf8'))
    .split('\n')
    .filter((line, i, lines) => line.startsWith('| ') && lines[i + 1]?.startsWith('|---') !== true)
    .map((line) => (line.split('|')[1] ?? '').replaceAll('`', '').trim())
  expect(rows.length).toBeGreaterThan(40)
  const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.test.ts'))
  const texts = await Promise.all(files.map((name) => readFile(join(import.meta.dirname, name), 'utf8')))
  const source = texts.join('\n')
  const named = (row: string) => source.split(`test('${row}: `).length - 1
  expect(rows.filter((row) => named(row) !== 1)).toEqual([])
})
