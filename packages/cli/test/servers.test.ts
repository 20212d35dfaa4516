import { createHash, createHmac } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hasFtp, startFtp } from '../../client/test/servers/ftp.ts'
import { hasSshd, startSshd } from '../../client/test/servers/sshd.ts'
import { knownKeys } from '../src/servers.ts'
import { digestOf, linesOf, setDesk } from './pawl.ts'

const desk = setDesk()

/** Interrupts an upload, resumes it, lists, gets and removes. */
async function goesOn(place: string, env: Record<string, string>, held: (name: string) => Promise<Buffer>) {
  const { digest, path } = await desk.file('db ä.tar', 8 * 2 ** 20)
  const args = ['upload', path, `${place}2026/`, '--part-size', '1mib', '--json', '--limit-rate', '4mib']
  const running = desk.start(args, env)
  await running.shows(/"progress".*"loaded":[1-9]\d{6}/)
  running.child.kill('SIGINT')
  expect((await running.ended).code).toBe(130)
  const { code, stdout } = await desk.run(['resume'], env)
  expect([code, linesOf(stdout)]).toEqual([0, [`${place}2026/db ä.tar`]])
  expect(digestOf(await held('2026/db ä.tar'))).toBe(digest)
  const listed = await desk.run(['ls', `${place}2026/`], env)
  expect(listed.stdout).toContain('db ä.tar')
  expect((await desk.run(['get', `${place}2026/db ä.tar`, 'copy.tar'], env)).code).toBe(0)
  expect(digestOf(await readFile(join(desk.folder, 'copy.tar')))).toBe(digest)
  await rm(join(desk.folder, 'copy.tar'))
  expect((await desk.run(['rm', `${place}2026/db ä.tar`], env)).code).toBe(0)
  await expect(held('2026/db ä.tar')).rejects.toMatchObject({ code: 'ENOENT' })
}

describe.runIf(hasFtp('proftpd'))('ftp://', () => {
  test('goes on with what is there, and lists, gets and removes', async () => {
    const { options, files, close } = await startFtp('proftpd')
    onTestFinished(close)
    const env = { FTP_PASSWORD: options.password }
    await goesOn(`ftp://tester@127.0.0.1:${options.port}/`, env, (name) => readFile(join(files, name)))
  })
})

describe.runIf(hasSshd())('sftp://', () => {
  test('goes on with what is there, and lists, gets and removes', async () => {
    const { options, files, close } = await startSshd()
    onTestFinished(close)
    const key = join(desk.folder, 'key')
    await writeFile(key, options.privateKey, { mode: 0o600 })
    const env = { SFTP_KEY: key, SFTP_HOST_KEY: options.hostKeys.join() }
    const place = `sftp://${options.user}@127.0.0.1:${options.port}${files}/`
    await goesOn(place, env, (name) => readFile(join(files, name)))
    const { path } = await desk.file('b.bin', 10)
    const strange = { ...env, SFTP_HOST_KEY: `SHA256:${'A'.repeat(43)}` }
    const refused = await desk.run(['upload', path, place], strange)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('another key')
  })
})

test('knows the hosts that OpenSSH knows, also by hashed names, and none of its revoked keys', () => {
  const key = (text: string) => Buffer.from(text).toString('base64')
  const print = (text: string) =>
    `SHA256:${createHash('sha256').update(text).digest('base64').replace(/=+$/, '')}`
  const salt = Buffer.from('some salt of twenty b')
  const hashed = `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update('[h.example]:2222').digest('base64')}`
  const list = `# a comment
h.example,10.0.0.1 ssh-ed25519 ${key('one')} somebody
${hashed} ssh-ed25519 ${key('two')}
@cert-authority h.example ssh-rsa ${key('three')}
h.example ssh-rsa ${key('four')}
@revoked h.example ssh-rsa ${key('four')}
`
  expect(knownKeys(list, 'h.example', 22)).toEqual([print('one')])
  expect(knownKeys(list, '10.0.0.1', 22)).toEqual([print('one')])
  expect(knownKeys(list, 'h.example', 2222)).toEqual([print('two')])
  expect(knownKeys(list, 'example', 22)).toEqual([])
})
