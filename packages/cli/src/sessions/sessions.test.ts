import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { sessionsFolder } from './folder.ts'
import { locksIn } from './locks.ts'
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
  const path = join(folder, 'locks.sqlite')
  const take = (id: string) =>
    Promise.all(Array.from({ length: 10 }, () => locksIn(path).take(id))).then((all) => ({
      held: all.filter((lock) => typeof lock !== 'number'),
      refused: all.filter((lock) => typeof lock === 'number'),
    }))
  const first = await take('a')
  expect([first.held.length, first.refused]).toEqual([1, Array(9).fill(process.pid)])
  expect((await take('b')).held.length).toBe(1)
  first.held[0]?.release()
  // A number that no process has, and one that another process had before this one.
  for (const [pid, started] of [
    [4_194_304, '1'],
    [process.pid, '1'],
  ] as const) {
    const database = new DatabaseSync(path)
    database.prepare('REPLACE INTO locks (id, pid, started) VALUES (?, ?, ?)').run('a', pid, started)
    database.close()
    const again = await take('a')
    expect([again.held.length, again.refused.length]).toEqual([1, 9])
    again.held[0]?.release()
  }
  expect((await stat(path)).mode & 0o777).toBe(0o600)
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
