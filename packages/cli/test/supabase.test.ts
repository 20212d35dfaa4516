import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Pawl, startPawl } from '../../server/test/process.ts'
import { digestOf, linesOf, setDesk } from './pawl.ts'

const desk = setDesk()
let pawl: Pawl
let env: Record<string, string> = {}

beforeAll(async () => {
  pawl = await startPawl()
  env = {
    SUPABASE_URL: pawl.url,
    SUPABASE_SERVICE_ROLE_KEY: /service key\s+(\S+)/.exec(pawl.output)?.[1] ?? '',
  }
})
afterAll(() => pawl.stop())

test('supabase:// goes on after Ctrl-C, lists, gets and deletes', async () => {
  const { digest, path } = await desk.file('db ä.tar', 24 * 2 ** 20)
  const url = 'supabase://documents/2026/db ä.tar'
  const running = desk.start(
    ['upload', path, 'supabase://documents/2026/', '--limit-rate', '12mib', '--json'],
    env,
  )
  await running.shows(/"progress".*"loaded":[1-9]\d{6}/)
  running.child.kill('SIGINT')
  expect((await running.ended).code).toBe(130)
  const { code, stdout } = await desk.run(['resume'], env)
  expect([code, linesOf(stdout)]).toEqual([0, [url]])
  const listed = await desk.run(['ls', 'supabase://documents/', '--recursive', '--json'], env)
  expect(linesOf(listed.stdout).map((line) => JSON.parse(line))).toMatchObject([{ url, size: 24 * 2 ** 20 }])
  const level = await desk.run(['ls', 'supabase://documents/'], env)
  expect(linesOf(level.stdout).map((line) => line.trim())).toEqual(['2026/'])
  expect((await desk.run(['get', url, 'copy.tar'], env)).code).toBe(0)
  expect(digestOf(await readFile(join(desk.folder, 'copy.tar')))).toBe(digest)
  expect((await desk.run(['rm', url], env)).code).toBe(0)
  expect((await desk.run(['ls', 'supabase://documents/'], env)).stdout).toBe('')
})

test('without credentials nothing is begun, and the variables are named', async () => {
  const { path } = await desk.file('a.bin', 10)
  const { code, stderr } = await desk.run(['upload', path, 'supabase://photos/a.bin'], {
    SUPABASE_URL: pawl.url,
  })
  expect([code, stderr]).toEqual([2, expect.stringContaining('SUPABASE_KEY')])
})
