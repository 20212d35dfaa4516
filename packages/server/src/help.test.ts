import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { helpText, SETTING_HELP } from './help.ts'

const docs = readFileSync(new URL('../../../docs/settings.md', import.meta.url), 'utf8')

test.each(Object.entries(SETTING_HELP))('docs/settings.md tells of %s what --help tells', (name, help) => {
  const variable = `PAWL_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
  const value = help.value.replaceAll('|', '\\|')
  expect(docs).toContain(`| \`${variable}\` | ${value} | ${help.default ?? '–'} | ${help.meaning} |`)
})

test('--help names every setting by its flag, on lines that fit', () => {
  const text = helpText()
  expect(text).toContain('--upload-ttl <time>')
  for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120)
})
