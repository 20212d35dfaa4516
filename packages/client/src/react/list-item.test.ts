import { expect, test } from 'vitest'
import { memory } from '../adapters/memory/memory.ts'
import { Files } from '../files.ts'
import type { KeptFile } from './kept-files.ts'
import { listItem } from './list-item.ts'

const facts: KeptFile = { id: '1', key: 'a.txt', name: 'a.txt', size: 5, startedAt: 1, loaded: 0 }

test('what is given up while its file is still being opened begins nothing afterwards', async () => {
  const opened = Promise.withResolvers<File>()
  const handle = { getFile: () => opened.promise } as FileSystemFileHandle
  const files = new Files({ adapter: memory() })
  let asked = 0
  const item = listItem({ ...facts, handle }, 'nothing', {
    files,
    options: {},
    kept: undefined,
    changed: () => {},
    pump: () => {
      asked += item.view().status === 'queued' ? 1 : 0
    },
  })
  item.view().resume()
  const given = item.view().abort()
  opened.resolve(new File(['hello'], 'a.txt'))
  await given
  await opened.promise
  expect(item.view().status).toBe('aborted')
  item.view().resume()
  expect(asked).toBe(0)
  expect((await files.list()).items).toEqual([])
})
