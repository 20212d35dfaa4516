import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SessionToken } from '../session.ts'
import { fileStore } from './file-store.ts'
import { localStorageStore } from './local-storage-store.ts'
import type { SessionStore } from './session-store.ts'

const token: SessionToken = {
  pawl: 1,
  provider: 'tus',
  place: 'https://example.com/files/',
  key: 'a.bin',
  contentType: 'text/plain',
  body: { size: 5, cells: [] },
  plan: { shape: 'offset', lanes: [0] },
  session: { urls: ['https://example.com/files/1'] },
}

function storage(): Storage {
  const items = new Map<string, string>()
  return {
    get length() {
      return items.size
    },
    clear: () => items.clear(),
    getItem: (key) => items.get(key) ?? null,
    key: (index) => [...items.keys()][index] ?? null,
    removeItem: (key) => {
      items.delete(key)
    },
    setItem: (key, value) => {
      items.set(key, value)
    },
  }
}

const open: Record<string, () => Promise<SessionStore>> = {
  'a folder': async () => fileStore(join(await mkdtemp(join(tmpdir(), 'pawl-store-')), 'tokens')),
  localStorage: async () => localStorageStore(storage()),
}

describe.each(Object.keys(open))('tokens in %s', (name) => {
  it('are kept, replaced, listed and deleted', async () => {
    const store = (await open[name]?.()) ?? fail()
    expect(await store.list()).toEqual([])
    expect(await store.get('1')).toBeUndefined()
    await store.set('1', token)
    await store.set('2', token)
    await store.set('1', { ...token, key: 'b.bin' })
    expect(await store.get('1')).toEqual({ ...token, key: 'b.bin' })
    expect((await store.list()).map(({ id }) => id).sort()).toEqual(['1', '2'])
    await store.delete('1')
    await store.delete('1')
    expect((await store.list()).map(({ id }) => id)).toEqual(['2'])
  })
})

it('tokens in a folder can be read by their owner only, and a torn file counts as none', async () => {
  const root = await mkdtemp(join(tmpdir(), 'pawl-store-'))
  const folder = join(root, 'tokens')
  const store = fileStore(folder)
  await store.set('1', token)
  const [name = ''] = await readdir(folder)
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
  await writeFile(join(folder, name), '{"id":"1","tok')
  expect(await store.get('1')).toBeUndefined()
  expect(await store.list()).toEqual([])
  await chmod(folder, 0o700)
  await rm(root, { recursive: true })
})

function fail(): never {
  throw new Error('no such store')
}
