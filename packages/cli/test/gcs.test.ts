import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type GcsEmulator, startGcs } from '@pawl/emulators/gcs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf, linesOf, setDesk } from './pawl.ts'

const desk = setDesk()
let gcs: GcsEmulator
beforeAll(async () => {
  gcs = await startGcs()
})
afterAll(() => gcs.close())

test('gs:// uses the variables of Google, and goes on in the session that is there', async () => {
  const key = join(desk.folder, 'account.json')
  await writeFile(key, JSON.stringify(gcs.credentials.serviceAccount()))
  const env = { GOOGLE_APPLICATION_CREDENTIALS: key, STORAGE_EMULATOR_HOST: gcs.endpoint }
  const { digest, path } = await desk.file('db.tar', 8 * 2 ** 20)
  const args = ['upload', path, 'gs://backups/2026/', '--part-size', '1mib', '--json', '--limit-rate', '4mib']
  const running = desk.start(args, env)
  await running.shows(/"progress".*"loaded":[1-9]\d{6}/)
  running.child.kill('SIGINT')
  expect((await running.ended).code).toBe(130)
  expect(gcs.openSessions()).toBe(1)
  const { code, stdout } = await desk.run(['resume'], env)
  expect([code, linesOf(stdout)]).toEqual([0, ['gs://backups/2026/db.tar']])
  expect(digestOf(gcs.objects.get('2026/db.tar')?.bytes ?? Buffer.alloc(0))).toBe(digest)
  expect(gcs.requests.filter(({ call }) => call === 'begin')).toHaveLength(1)
  expect((await desk.run(['rm', 'gs://backups/2026/db.tar'], env)).code).toBe(0)
  expect(gcs.objects.size).toBe(0)
})
