import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findFiles } from './sources.ts'

const isRoot = process.getuid?.() === 0
const NOBODY = 65_534
let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawl-sources-'))
  await chmod(folder, 0o755)
})
afterEach(async () => {
  for (const name of ['closed', 'listed']) await chmod(join(folder, name), 0o755)
  await rm(folder, { recursive: true, force: true })
})

/** Root may read everything. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (isRoot) process.seteuid?.(NOBODY)
  try {
    return await work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

test.skipIf(process.platform === 'win32')(
  'what cannot be read below a folder is told, and the rest found',
  async () => {
    for (const name of ['closed', 'listed', 'open']) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'a.txt'), name)
    }
    await symlink('nowhere', join(folder, 'open/link'))
    await chmod(join(folder, 'closed'), 0)
    // Its names can be read, and nothing else of what it holds.
    await chmod(join(folder, 'listed'), 0o444)
    const { items, skipped, unread } = await asNobody(() =>
      findFiles([`${folder}/.`], { place: 'file:///', key: '' }),
    )
    expect(items.map(({ key }) => key)).toEqual(['open/a.txt'])
    expect(skipped).toEqual([join(folder, 'open/link')])
    expect(unread.toSorted()).toEqual([
      expect.stringContaining(`${folder}/closed is not sent: EACCES`),
      expect.stringContaining(`${folder}/listed/a.txt is not sent: EACCES`),
    ])
  },
)
