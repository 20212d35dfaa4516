import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../../../..')
const page = join(root, 'docs/design/resumable-http.md')
const FOLDERS = {
  'What a server must and should': join(root, 'packages/server/src/http/resumable-http'),
  'What a client must and should': join(root, 'packages/client/src/adapters/resumable-http'),
}
/** Section numbers of the draft, as tests are named after them. */
const SECTION = '(?:\\d{1,2}(?:\\.\\d)*|B): '

test.each(Object.entries(FOLDERS))('%s: each row is one test, named after it', async (title, folder) => {
  const rows = rowsUnder(await readFile(page, 'utf8'), title)
  expect(rows.length).toBeGreaterThan(25)
  expect(new Set(rows).size).toBe(rows.length)
  const files = (await readdir(folder)).filter((name) => name.endsWith('.test.ts'))
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))
  const named = namesIn(texts.join('\n'))
  expect(rows.filter((row) => named.filter((name) => fits(name, row)).length !== 1)).toEqual([])
  expect(named.filter((name) => !rows.some((row) => fits(name, row)))).toEqual([])
})

/** A test of several cases tells them behind the row's name. */
function fits(name: string, row: string): boolean {
  return name === row || name.startsWith(`${row}: %`)
}

function rowsUnder(text: string, title: string): string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(title)) ?? ''
  return section.split('\n').flatMap((line) => {
    const [, number = '', words = ''] = line.split('|').map((cell) => cell.trim().replaceAll('`', ''))
    return /^[\dB]/.test(number) ? [`${number}: ${words}`] : []
  })
}

/** Names of the tests that begin with a section, `test.each` among them. */
function namesIn(source: string): string[] {
  return [...source.matchAll(new RegExp(`(?:\\btest|\\bit|\\))\\(\\s*'(${SECTION}[^']*)'`, 'g'))].map(
    ([, name = '']) => name,
  )
}
