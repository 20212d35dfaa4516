import { expect, test } from 'vitest'
import { createMemoryStorage, createWaiting } from '../src/waiting.ts'

const endpoint = 'http://localhost:8080/files/'
const entry = (url: string, name = 'a.bin') => ({
  size: 10,
  metadata: { filename: name },
  creationTime: '',
  urlStorageKey: '',
  uploadUrl: url,
  parallelUploadUrls: null,
})

test('an upload is remembered by its fingerprint, found again, and forgotten', async () => {
  const storage = createMemoryStorage()
  const { urlStorage } = createWaiting(storage, endpoint)
  const key = await urlStorage.addUpload('f1', entry(`${endpoint}1`))
  await urlStorage.addUpload('f1', entry(`${endpoint}1`))
  const later = createWaiting(storage, endpoint)
  expect(later.list()).toEqual([{ fingerprint: 'f1', name: 'a.bin', size: 10, url: `${endpoint}1` }])
  expect(await later.urlStorage.findUploadsByFingerprint('f1')).toMatchObject([{ uploadUrl: `${endpoint}1` }])
  expect(await later.urlStorage.findUploadsByFingerprint('f2')).toEqual([])
  await later.urlStorage.removeUpload(key)
  expect(later.list()).toEqual([])
})

test('a cancelled upload is never taken up again, but stays known until it is deleted', async () => {
  const waiting = createWaiting(createMemoryStorage(), endpoint)
  await waiting.urlStorage.addUpload('f1', entry(`${endpoint}1`))
  expect(waiting.condemn('f1')).toBe(`${endpoint}1`)
  expect(waiting.list()).toEqual([])
  expect(waiting.condemned()).toEqual([`${endpoint}1`])
  waiting.absolve(`${endpoint}1`)
  expect(waiting.condemned()).toEqual([])
})

test.each([
  'http://elsewhere.example/files/1',
  'http://localhost:8080/admin/1',
  'http://localhost:8080/files/../admin/1',
  'http://localhost:8080/files/',
  'javascript:alert(1)',
  'no url',
])('an entry that points at %s is ignored', async (url) => {
  const storage = createMemoryStorage()
  const waiting = createWaiting(storage, endpoint)
  await waiting.urlStorage.addUpload('f1', entry(url))
  expect(waiting.list()).toEqual([])
  storage.setItem(`pawl.cancelled.${url}`, '1')
  expect(waiting.condemned()).toEqual([])
})

test.each(['', 'null', '[]', '{"name":1}', '{'])('a damaged entry (%s) is ignored', (text) => {
  const storage = createMemoryStorage()
  storage.setItem('pawl.upload.f1', text)
  expect(createWaiting(storage, endpoint).list()).toEqual([])
})

test('when the storage is full, an upload is remembered for as long as the page lives', async () => {
  const storage = createMemoryStorage()
  storage.setItem = () => {
    throw new Error('full')
  }
  const waiting = createWaiting(storage, endpoint)
  await waiting.urlStorage.addUpload('f1', entry(`${endpoint}1`))
  expect(waiting.find('f1')?.url).toBe(`${endpoint}1`)
  expect(waiting.condemn('f1')).toBe(`${endpoint}1`)
  expect(waiting.find('f1')).toBeUndefined()
})
