import { afterAll, beforeAll, expect, test } from 'vitest'
import { type S3Emulator, startS3Emulator } from '../../client/test/servers/s3-emulator.ts'
import { digestOf, linesOf, setDesk } from './pawl.ts'

const desk = setDesk()
let s3: S3Emulator
let env: Record<string, string> = {}

beforeAll(async () => {
  s3 = await startS3Emulator()
  env = {
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL: s3.endpoint,
  }
})
afterAll(() => s3.close())

test('s3:// uses the variables of the AWS tools, and goes on with the parts that are there', async () => {
  const { digest, path } = await desk.file('db.tar', 24 * 2 ** 20)
  const args = ['upload', path, 's3://backups/2026/', '--part-size', '5mib', '--concurrency', '1', '--json']
  const running = desk.start([...args, '--limit-rate', '12mib'], env)
  await running.shows(/"progress".*"loaded":[1-9]\d{6}/)
  running.child.kill('SIGINT')
  expect((await running.ended).code).toBe(130)
  const parts = () => s3.requests.filter(({ url }) => url.searchParams.has('partNumber')).length
  expect([s3.uploads.size, parts() < 5]).toEqual([1, true])
  const { code, stdout } = await desk.run(['resume'], env)
  expect([code, linesOf(stdout)]).toEqual([0, ['s3://backups/2026/db.tar']])
  const [object] = [...s3.objects.values()]
  expect(digestOf(object?.bytes ?? Buffer.alloc(0))).toBe(digest)
  const back = await desk.run(['get', 's3://backups/2026/db.tar', 'copy.tar', '--json'], env)
  expect(JSON.parse(back.stdout)).toMatchObject({ event: 'done', file: 'copy.tar', size: 24 * 2 ** 20 })
  expect((await desk.run(['rm', 's3://backups/2026/db.tar'], env)).code).toBe(0)
  // The emulator removes nothing: that it was asked to is what counts here.
  expect(s3.requests.at(-1)).toMatchObject({ method: 'DELETE' })
})

test('without credentials nothing is begun, and the variables are named', async () => {
  const { path } = await desk.file('a.bin', 10)
  const { code, stderr } = await desk.run(['upload', path, 's3://backups/a.bin'])
  expect([code, stderr]).toEqual([1, expect.stringContaining('AWS_ACCESS_KEY_ID')])
})
