import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SECRET_BYTES, secretIn } from './secret.ts'

describe('The generated secret', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pawl-secret-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('is made once and kept for its owner only', async () => {
    const first = await secretIn(folder)
    expect(first.byteLength).toBe(SECRET_BYTES)
    expect(Buffer.compare(await secretIn(folder), first)).toBe(0)
    const [name, ...others] = await readdir(folder)
    expect(others).toEqual([])
    expect((await stat(join(folder, name ?? ''))).mode & 0o777).toBe(0o600)
  })

  test('differs from folder to folder', async () => {
    const other = await mkdtemp(join(tmpdir(), 'pawl-secret-'))
    expect(Buffer.compare(await secretIn(folder), await secretIn(other))).not.toBe(0)
    await rm(other, { recursive: true })
  })

  test.each([
    ['empty', ''],
    ['too short', Buffer.alloc(31).toString('base64')],
    ['no base64', '!!!!'],
  ])('is refused when what is there is %s, and left as it is', async (_, text) => {
    const path = join(folder, 'jwt-secret')
    await writeFile(path, text)
    await expect(secretIn(folder)).rejects.toThrow(/at least 32 bytes/)
    expect(await readFile(path, 'utf8')).toBe(text)
  })

  test('is kept for its owner only although a crash left an open file behind', async () => {
    await writeFile(join(folder, 'jwt-secret.new'), 'half', { mode: 0o644 })
    await secretIn(folder)
    expect((await stat(join(folder, 'jwt-secret'))).mode & 0o777).toBe(0o600)
  })
})
