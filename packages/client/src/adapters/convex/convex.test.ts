import { startConvex } from '@pawl/emulators/convex'
import { expect, it } from 'vitest'
import { operations } from '../../../test/operations.ts'
import { wholeScenarios } from '../../../test/whole-scenarios.ts'
import { Files } from '../../files.ts'
import { convex } from './convex.ts'

async function emulated() {
  const emulator = await startConvex()
  const { endpoint, tokens, rows, storage, close } = emulator
  return {
    emulator,
    adapter: () => convex({ url: endpoint, token: () => tokens.current, permanentUrls: true }),
    read: async (key: string) => storage.get(rows.get(key) ?? '')?.bytes,
    expireCredential: () => tokens.expire(),
    comparesDigest: true,
    openSessions: async () => 0,
    partSize: 1,
    close,
  }
}

wholeScenarios('convex', emulated)
operations('convex', emulated)

it('convex says that what arrived is not what was sent', async () => {
  const world = await emulated()
  world.emulator.inject = (call) => (call === 'send' ? 'damage' : undefined)
  const files = new Files({ adapter: world.adapter() })
  await expect(files.upload('damaged', 'content')).rejects.toMatchObject({ code: 'Corrupted' })
  await world.close()
})

it('convex sends the bytes once when only the row could not be saved, and leaves no file behind that it replaced', async () => {
  const world = await emulated()
  const files = new Files({ adapter: world.adapter(), retries: { max: 3, backoff: () => 1 } })
  await files.upload('row', 'before')
  let saves = 0
  // Lookups, mutations: the second request after the bytes is the one that saves.
  world.emulator.inject = (call) => {
    const sent = world.emulator.requests.filter((request) => request.call === 'send').length
    return call === 'other' && sent === 2 && saves++ === 0 ? 'lost answer' : undefined
  }
  await files.upload('row', 'after')
  expect(saves).toBeGreaterThan(1)
  expect(world.emulator.requests.filter(({ call }) => call === 'send')).toHaveLength(2)
  expect([world.emulator.rows.size, world.emulator.storage.size]).toEqual([1, 1])
  await world.close()
})

it('convex says which function failed, and takes no URL that leads to a less safe line', async () => {
  const world = await emulated()
  const missing = new Files({
    adapter: convex({ url: world.emulator.endpoint, token: 'token-1', module: 'none' }),
  })
  await expect(missing.upload('x', 'x')).rejects.toThrow(/none:uploadUrl failed: .*Could not find/)
  await world.close()
  const asked: string[] = []
  const adapter = convex({
    url: 'https://a.convex.cloud',
    http: async ({ url }) => {
      asked.push(url)
      const text = async () => JSON.stringify({ status: 'success', value: 'http://elsewhere.example/upload' })
      return { status: 200, header: () => undefined, headers: () => [], text }
    },
  })
  await expect(new Files({ adapter }).upload('x', 'x')).rejects.toThrow(/names no URL/)
  expect(asked).toEqual(['https://a.convex.cloud/api/mutation'])
})
