import { link, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { UploadControl } from '../../control.ts'
import type { UploadCondition } from '../../driver.ts'
import { Files } from '../../files.ts'
import { PART_SUFFIX } from '../file-key.ts'
import { fs } from './fs.ts'

const parts = async (root: string) => (await readdir(root)).filter((name) => name.endsWith(PART_SUFFIX))

const world = async (): Promise<World> => {
  const root = await mkdtemp(join(tmpdir(), 'pawl-fs-'))
  return {
    adapter: () => fs({ root }),
    read: (key) => readFile(join(root, key)).catch(() => undefined),
    openSessions: async () => (await parts(root)).length,
    partSize: 2 ** 20,
    close: () => rm(root, { recursive: true }),
  }
}
scenarios('fs', world)
operations('fs', world)

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-fs-'))
})
afterEach(() => rm(root, { recursive: true }))

/** An upload that was stopped after three MiB, and its token. */
async function stopped(body: Uint8Array<ArrayBuffer>, condition?: UploadCondition) {
  const control = new UploadControl()
  const stop = new AbortController()
  await new Files({ adapter: fs({ root }) })
    .upload('a.bin', body, {
      control,
      signal: stop.signal,
      ...(condition && { condition }),
      multipart: { partSize: 2 ** 20 },
      onProgress: ({ loaded }) => loaded >= 3 * 2 ** 20 && stop.abort(),
    })
    .catch(() => {})
  const [part = ''] = await parts(root)
  return { token: JSON.parse(JSON.stringify(control)), part: join(root, part) }
}

it('after a crash of the machine keeps only the prefix that is right', async () => {
  const body = randomBytes(5 * 2 ** 20)
  const { token, part } = await stopped(body)
  const held = await readFile(part)
  held.fill(0, 2 ** 20 + 17) // the file's length survived, its last blocks did not
  await writeFile(part, held)
  token.session.boot = 'another boot'
  const seen: number[] = []
  await new Files({ adapter: fs({ root }) }).upload('a.bin', body, {
    control: UploadControl.from(token),
    onProgress: ({ loaded }) => seen.push(loaded),
  })
  expect(seen[0]).toBe(2 ** 20)
  expect(same(await readFile(join(root, 'a.bin')), body)).toBe(true)
})

it('knows its own file where the process died after it was linked and before its part was removed', async () => {
  const body = randomBytes(3 * 2 ** 20)
  const condition = { type: 'create' } as const
  const { token, part } = await stopped(body, condition)
  await link(part, join(root, 'a.bin'))
  await new Files({ adapter: fs({ root }) }).upload('a.bin', body, {
    control: UploadControl.from(token),
    condition,
  })
  expect(same(await readFile(join(root, 'a.bin')), body)).toBe(true)
  expect(await parts(root)).toEqual([])
})

it('refuses a token that leads to another file', async () => {
  const body = randomBytes(5 * 2 ** 20)
  const { token } = await stopped(body)
  for (const id of ['../../etc/passwd', '', 'x'.repeat(36)]) {
    const control = UploadControl.from({ ...token, session: { ...token.session, id } })
    await expect(
      new Files({ adapter: fs({ root }) }).upload('a.bin', body, { control }),
    ).rejects.toMatchObject({
      code: 'SessionGone',
    })
  }
})

it('never leaves its folder', async () => {
  const files = new Files({ adapter: fs({ root }) })
  for (const key of ['../x', 'a/../../x', '/etc/x', 'a//b', 'a\0b', './a', `a${PART_SUFFIX}`]) {
    await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    await expect(files.head(key)).rejects.toMatchObject({ code: 'InvalidKey' })
  }
  await symlink(tmpdir(), join(root, 'out'))
  await expect(files.upload('out/pawl-escaped', 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
})

it('overwrites nothing on condition "create", also when two race', async () => {
  const files = new Files({ adapter: fs({ root }) })
  const condition = { type: 'create' } as const
  const race = await Promise.allSettled(
    ['a', 'b', 'c'].map((body) => files.upload('one.txt', body, { condition })),
  )
  expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  await expect(files.upload('one.txt', 'd', { condition })).rejects.toMatchObject({ code: 'Conflict' })
})
