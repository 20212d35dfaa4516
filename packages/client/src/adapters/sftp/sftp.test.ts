import { readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type RoadWorld, roadFaults } from '../../../test/road-faults.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { startRelay } from '../../../test/servers/relay.ts'
import { hasSshd, type SshServer, startSshd } from '../../../test/servers/sshd.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { sftp } from './sftp.ts'

const MIB = 2 ** 20

async function worldOf({ options, files }: SshServer): Promise<World> {
  return {
    adapter: () => sftp(options),
    read: (key) => readFile(join(files, key)).catch(() => undefined),
    openSessions: async () => (await readdir(files)).filter((name) => name.endsWith('.pawl-part')).length,
    partSize: MIB,
  }
}

async function onARoad(server: SshServer): Promise<RoadWorld> {
  const relay = await startRelay(server.options.port ?? 0)
  const options = { ...server.options, port: relay.port }
  return {
    ...(await worldOf({ ...server, options })),
    relay,
    partSize: MIB / 4,
    close: relay.close,
  }
}

describe.runIf(hasSshd())("sftp on OpenSSH's server", () => {
  let server: SshServer
  beforeAll(async () => {
    server = await startSshd()
  })
  afterAll(() => server?.close())
  scenarios('sftp', () => worldOf(server))
  roadFaults('sftp on a bad road', () => onARoad(server))
  operations('sftp', () => worldOf(server))

  /** An upload that was stopped on its way, its token and its part file. */
  async function stopped(key: string, body: Uint8Array<ArrayBuffer>) {
    const control = new UploadControl()
    const stop = new AbortController()
    await new Files({ adapter: sftp(server.options) })
      .upload(key, body, {
        control,
        signal: stop.signal,
        multipart: { partSize: MIB },
        onProgress: ({ loaded }) => loaded >= 2 * MIB && stop.abort(),
      })
      .catch(() => {})
    const token = JSON.parse(JSON.stringify(control))
    return { token, part: join(server.files, `${token.session.id}.pawl-part`) }
  }

  it('tells no key and no credential to a server that it does not know', async () => {
    const strange = `SHA256:${'A'.repeat(43)}`
    for (const hostKeys of [[], [strange], ['']]) {
      const files = new Files({ adapter: sftp({ ...server.options, hostKeys }), retries: 0 })
      await expect(files.head('x')).rejects.toMatchObject({
        code: 'Unauthorized',
        message: expect.stringContaining('another key'),
      })
    }
  })

  it('is refused with a wrong password, which nobody gets to see', async () => {
    const { privateKey: _, ...rest } = server.options
    const files = new Files({ adapter: sftp({ ...rest, password: 'hush-hush' }), retries: 0 })
    const error = await files.head('x').catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'Unauthorized' })
    expect(inspect(error, { depth: 9 })).not.toContain('hush-hush')
  })

  it('never leaves its folder', async () => {
    const files = new Files({ adapter: sftp(server.options) })
    for (const key of ['../x', 'a/../../x', '/etc/x', 'a//b', 'a\nb', './a', 'a ', 'a.pawl-part']) {
      await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
      await expect(files.head(key)).rejects.toMatchObject({ code: 'InvalidKey' })
    }
    const { token } = await stopped('a.bin', randomBytes(4 * MIB))
    expect(JSON.stringify(token)).not.toContain('PRIVATE')
    token.session.id = '../../etc/passwd'
    const control = UploadControl.from(token)
    await expect(files.upload('a.bin', randomBytes(4 * MIB), { control })).rejects.toMatchObject({
      code: 'SessionGone',
    })
  })

  it('goes on from what is right when the end of the part file is not', async () => {
    const body = randomBytes(4 * MIB)
    const { token, part } = await stopped('torn.bin', body)
    const held = await readFile(part)
    held.fill(0, held.length - 1000, held.length - 10)
    await writeFile(part, held)
    const seen: number[] = []
    await new Files({ adapter: sftp(server.options) }).upload('torn.bin', body, {
      control: UploadControl.from(token),
      onProgress: ({ loaded }) => seen.push(loaded),
    })
    expect(seen[0]).toBe(held.length - 1000)
    expect(same(await readFile(join(server.files, 'torn.bin')), body)).toBe(true)
  })

  it('takes no file of the same size for its own', async () => {
    const body = randomBytes(4 * MIB)
    const { token, part } = await stopped('taken.bin', body)
    await rm(part)
    await writeFile(join(server.files, 'taken.bin'), randomBytes(4 * MIB, 2))
    const files = new Files({ adapter: sftp(server.options) })
    await expect(
      files.upload('taken.bin', body, { control: UploadControl.from(token) }),
    ).rejects.toMatchObject({ code: 'SessionGone' })
  })

  it('overwrites nothing on condition "create", also when several race', async () => {
    const files = new Files({ adapter: sftp(server.options) })
    const condition = { type: 'create' } as const
    const race = await Promise.allSettled(
      ['a', 'b', 'c'].map((body) => files.upload('one.txt', body, { condition })),
    )
    expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await expect(files.upload('one.txt', 'd', { condition })).rejects.toMatchObject({ code: 'Conflict' })
  })

  it('lists no symbolic link, which could lead anywhere', async () => {
    await symlink('/etc', join(server.files, 'link'))
    const { items } = await new Files({ adapter: sftp(server.options) }).list({ prefix: 'link' })
    expect(items).toEqual([])
    expect((await stat(join(server.files, 'link'))).isDirectory()).toBe(true)
  })
})
