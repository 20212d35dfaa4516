import { expect, test } from 'vitest'
import { commands } from '../src/commands.ts'
import { setDesk } from './pawl.ts'

const desk = setDesk()

test.each([
  [['uplod'], 'there is no command uplod: did you mean upload?'],
  [['upload', '--concurency', '3'], '--concurency: did you mean --concurrency?'],
  [['upload', 'a.bin'], 'the destination is missing'],
  [['upload', 'http://127.0.0.1:1/files/'], 'the files are missing'],
  [['upload', 'a.bin', 'b.bin'], '"b.bin" is no destination'],
  [['upload', 'missing.bin', 'http://127.0.0.1:1/files/'], 'there is no missing.bin'],
  [['upload', 'a.bin', 'sftp://me:secret@host/key'], 'set SFTP_PASSWORD'],
  [['upload', 'a.bin', 'sftp:///key'], 'needs a host'],
  [['upload', 'a.bin', 'sftp://me@host.invalid/key'], 'no key of host.invalid is known'],
  [['upload', 'a.bin', 'ftp://me:secret@host/key'], 'set FTP_PASSWORD'],
  [['upload', 'a.bin', 'htps://host/files/'], 'did you mean https?'],
  [['upload', 'a.bin', 'http://me:secret@host/files/'], 'PAWL_TOKEN'],
  [['upload', 'a.bin', 'az://container/key'], 'AZURE_STORAGE_CONNECTION_STRING'],
  [['upload', 'a.bin', 'supabase://photos/a.bin'], 'needs SUPABASE_URL'],
  [['upload', 'a.bin', 'supabase:///a.bin'], 'needs a bucket'],
  [['upload', 'a.bin', 'http://h/', '--limit-rate', 'fast'], '--limit-rate is "fast"'],
  [['upload', 'a.bin', 'http://h/', '--concurrency', '0'], '--concurrency is "0"'],
  [['upload', 'a.bin', 'http://h/', '--verify', 'some'], 'one of sampled, full, off'],
  [['resume', 'nope'], 'there is no session nope'],
  [['resume', ''], 'the id is empty'],
  [['abort'], 'the id is missing'],
  [['abort', ''], 'the id is empty'],
  [['get', 'http://127.0.0.1:1/files/0', ''], "the file's name is empty"],
  [['ls', 'http://127.0.0.1:1/files/'], 'tus servers cannot be listed'],
  [['rm', 's3://bucket/folder/'], 'that is a folder'],
  [['token'], '--sub is missing'],
  [['token', '--role', 'root'], 'one of authenticated, anon, service_role'],
  [['check', '--data', 'nowhere'], 'there is no catalog in nowhere'],
  [['serve', '--prot', '1'], 'did you mean'],
])('%j is wrong usage: exit code 2 and the reason', async (args, reason) => {
  const { code, stdout, stderr } = await desk.run(args)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(reason)
})

test('a catalog in Postgres cannot be checked, and that is said', async () => {
  const { code, stderr } = await desk.run(['check'], { PAWL_DATABASE_URL: 'postgres://localhost/pawl' })
  expect(code).toBe(2)
  expect(stderr).toContain('names a catalog in Postgres')
})

test('help is told of the whole and of each command', async () => {
  const overview = await desk.run(['--help'])
  expect(overview.code).toBe(0)
  for (const { name } of commands) {
    expect(overview.stdout).toContain(`  ${name} `)
    const { code, stdout } = await desk.run([name, '--help'])
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(name === 'serve' ? '--data <' : `Usage: pawl ${name}`),
    ])
  }
  expect((await desk.run(['help', 'upload'])).stdout).toBe((await desk.run(['upload', '-h'])).stdout)
  expect((await desk.run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
}, 60_000)
