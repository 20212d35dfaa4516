import { startBunny } from '@pawl/emulators/bunny-storage'
import { expect, it } from 'vitest'
import { operations } from '../../../test/operations.ts'
import { wholeScenarios } from '../../../test/whole-scenarios.ts'
import { Files } from '../../files.ts'
import { type Http, http } from '../../http/http.ts'
import { bunnyStorage } from './bunny-storage.ts'

/** The emulator cannot be asked with a method that Node does not know. */
const told: Http = (request, call) =>
  request.method === 'DESCRIBE'
    ? http({ ...request, method: 'POST', headers: { ...request.headers, 'x-method': 'DESCRIBE' } }, call)
    : http(request, call)

async function emulated() {
  const emulator = await startBunny()
  const { zone, accessKey, endpoint, files, close } = emulator
  return {
    emulator,
    adapter: () => bunnyStorage({ zone, accessKey, endpoint, http: told }),
    read: async (key: string) => files.get(key)?.bytes,
    comparesDigest: true,
    openSessions: async () => 0,
    partSize: 1,
    close,
  }
}

wholeScenarios('bunny-storage', emulated)
operations('bunny-storage', emulated)

it('bunny-storage sends the SHA-256 first: damaged bytes never become a file', async () => {
  const world = await emulated()
  world.emulator.inject = (call) => (call === 'send' ? 'damage' : undefined)
  const files = new Files({ adapter: world.adapter(), retries: 1 })
  await expect(files.upload('damaged', 'content')).rejects.toMatchObject({ code: 'Provider', status: 400 })
  expect(await world.read('damaged')).toBeUndefined()
  await world.close()
})

it('bunny-storage goes to the host of the region, and links to the pull zone', async () => {
  const zone = { zone: 'z', accessKey: 'k' }
  expect(bunnyStorage(zone).place).toBe('https://storage.bunnycdn.com/z')
  expect(bunnyStorage({ ...zone, region: 'ny' }).place).toBe('https://ny.storage.bunnycdn.com/z')
  const files = new Files({ adapter: bunnyStorage({ ...zone, pullZone: 'https://files.b-cdn.net/' }) })
  expect(await files.url('a/ü b.txt')).toBe('https://files.b-cdn.net/a/%C3%BC%20b.txt')
  for (const key of ['a/', '../x', 'a//b', 'a\nb'])
    await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
})
