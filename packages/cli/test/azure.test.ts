import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test as plainTest } from 'vitest'
import { azure } from '../../client/src/adapters/azure/azure.ts'
import { type Azurite, hasAzurite, startAzurite } from '../../client/test/servers/azurite.ts'
import { digestOf, linesOf, setDesk } from './pawl.ts'

const desk = setDesk()
const test = plainTest.runIf(hasAzurite())
let server: Azurite | undefined
let env: Record<string, string> = {}

beforeAll(async () => {
  if (!hasAzurite()) return
  server = await startAzurite()
  env = { AZURE_STORAGE_CONNECTION_STRING: server.connectionString }
  await (await azure({ container: 'backups', connectionString: server.connectionString }).raw()).create()
}, 240_000)
afterAll(() => server?.close())

test('az:// goes on with the blocks that are there, and lists, gets and removes', async () => {
  const { digest, path } = await desk.file('db ä.tar', 24 * 2 ** 20)
  const args = ['upload', path, 'az://backups/2026/', '--part-size', '4mib', '--concurrency', '1', '--json']
  const running = desk.start([...args, '--limit-rate', '12mib'], env)
  await running.shows(/"progress".*"loaded":[1-9]\d{6}/)
  running.child.kill('SIGKILL')
  await running.ended
  expect(await desk.kept()).toHaveLength(1)
  const { code, stdout, stderr } = await desk.run(['resume', '--json'], env)
  const [first] = linesOf(stdout).map((line) => JSON.parse(line))
  expect([code, first.event, stderr]).toEqual([0, 'start', ''])
  expect(await desk.kept()).toEqual([])

  const listed = await desk.run(['ls', 'az://backups/', '--json'], env)
  expect(linesOf(listed.stdout).map((line) => JSON.parse(line))).toEqual([
    { key: '2026/', url: 'az://backups/2026/', folder: true },
  ])
  const inside = await desk.run(['ls', 'az://backups/2026/', '--json'], env)
  expect(linesOf(inside.stdout).map((line) => JSON.parse(line))).toMatchObject([
    { key: '2026/db ä.tar', url: 'az://backups/2026/db ä.tar', size: 24 * 2 ** 20 },
  ])
  const got = await desk.run(['get', 'az://backups/2026/db ä.tar', 'copy.tar'], env)
  expect([got.code, digestOf(await readFile(join(desk.folder, 'copy.tar')))]).toEqual([0, digest])
  expect((await desk.run(['rm', 'az://backups/2026/db ä.tar'], env)).code).toBe(0)
  expect(linesOf((await desk.run(['ls', 'az://backups/', '--recursive'], env)).stdout)).toEqual([])
})

test('without credentials nothing is begun, and the variables are named', async () => {
  const { path } = await desk.file('a.bin', 10)
  const { code, stderr } = await desk.run(['upload', path, 'az://backups/a.bin'])
  expect([code, stderr]).toEqual([2, expect.stringContaining('AZURE_STORAGE_CONNECTION_STRING')])
})
