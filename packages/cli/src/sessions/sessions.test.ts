import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sessionsFolder } from './folder.ts'
import { takeLock } from './lock.ts'
import { recordsIn } from './records.ts'

test('sessions are where each platform keeps state', () => {
  const home = '/home/me'
  expect(sessionsFolder({}, 'linux', home)).toBe('/home/me/.local/state/pawl/sessions')
  expect(sessionsFolder({ XDG_STATE_HOME: '/state' }, 'linux', home)).toBe('/state/pawl/sessions')
  expect(sessionsFolder({ XDG_STATE_HOME: 'state' }, 'linux', home)).toBe(
    '/home/me/.local/state/pawl/sessions',
  )
  expect(sessionsFolder({}, 'darwin', home)).toBe('/home/me/Library/Application Support/pawl/sessions')
  expect(sessionsFolder({ LOCALAPPDATA: '/local' }, 'win32', home)).toBe('/local/pawl/sessions')
})

test('a lock is held by one, free again after its release or the death of its holder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-lock-'))
  const path = join(folder, 'a.lock')
  const takes = await Promise.all(Array.from({ length: 20 }, () => takeLock(path)))
  const held = takes.filter((lock) => typeof lock !== 'number')
  expect(held.length).toBe(1)
  expect(takes.filter((lock) => typeof lock === 'number')).toEqual(Array(19).fill(process.pid))
  await held[0]?.release()
  // A number that no process has, and one that another process has by now.
  for (const dead of ['{"pid":4194304,"started":"1"}', `{"pid":${process.pid},"started":"1"}`, 'torn']) {
    await writeFile(path, dead)
    const again = await Promise.all(Array.from({ length: 10 }, () => takeLock(path)))
    const holders = again.filter((lock) => typeof lock !== 'number')
    expect(holders.length).toBe(1)
    await holders[0]?.release()
  }
  expect(await readdir(folder)).toEqual([])
  await rm(folder, { recursive: true })
})

test('a torn or foreign record counts as none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-records-'))
  const records = recordsIn(folder)
  const id = '0123456789ab'
  const facts = { pawlSession: 1, file: '/a', place: 's3://b/', key: 'a', size: 1, modified: 1 } as const
  await records.put({ ...facts, id, startedAt: 1, loaded: 0 }, true)
  await writeFile(join(folder, 'torn.json'), '{"pawlSession":1,"id"')
  await writeFile(join(folder, 'foreign.json'), '{"pawlSession":2}')
  expect((await records.list()).map((record) => record.id)).toEqual([id])
  expect(await records.get('torn')).toBeUndefined()
  await records.delete(id)
  expect(await records.list()).toEqual([])
  await rm(folder, { recursive: true })
})
