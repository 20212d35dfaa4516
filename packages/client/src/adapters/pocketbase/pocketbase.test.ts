import { startPocketBase } from '@pawl/emulators/pocketbase'
import { expect, it } from 'vitest'
import { operations } from '../../../test/operations.ts'
import { wholeScenarios } from '../../../test/whole-scenarios.ts'
import { Files } from '../../files.ts'
import { pocketbase } from './pocketbase.ts'

async function emulated() {
  const emulator = await startPocketBase()
  const { endpoint, tokens, collection, records, close } = emulator
  return {
    emulator,
    adapter: () =>
      pocketbase({ url: endpoint, collection, token: () => tokens.current, permanentUrls: true }),
    read: async (key: string) => [...records.values()].find((record) => record.key === key)?.bytes,
    expireCredential: () => tokens.expire(),
    comparesDigest: false,
    openSessions: async () => 0,
    partSize: 1,
    close,
  }
}

wholeScenarios('pocketbase', emulated)
operations('pocketbase', emulated)

it('pocketbase reads protected files, and changes the record that is there instead of making another one', async () => {
  const { emulator, adapter, close } = await emulated()
  emulator.isProtected = true
  const files = new Files({ adapter: adapter() })
  await files.upload('one', 'first')
  await files.upload('one', 'second')
  expect(emulator.records.size).toBe(1)
  expect(await (await files.download('one')).text()).toBe('second')
  expect((await fetch(await files.url('one'))).status).toBe(404)
  await close()
})

it('pocketbase says that a file is too large for the field, and tries that only once', async () => {
  const emulator = await startPocketBase({ maxSize: 10 })
  const { endpoint, tokens, collection, close } = emulator
  const files = new Files({ adapter: pocketbase({ url: endpoint, collection, token: tokens.current }) })
  await expect(files.upload('large', 'more than ten')).rejects.toMatchObject({ code: 'QuotaExceeded' })
  expect(emulator.requests.filter(({ call }) => call === 'send')).toHaveLength(1)
  await close()
})

it.each(['a"b', 'a\\b', 'a\nb'])('pocketbase refuses the key %j', async (key) => {
  const files = new Files({ adapter: pocketbase({ url: 'http://127.0.0.1:9', collection: 'files' }) })
  await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
  const odd = () => pocketbase({ url: 'http://127.0.0.1:9', collection: 'files', keyField: 'a = 1 || b' })
  expect(odd).toThrow(/field's name/)
})
