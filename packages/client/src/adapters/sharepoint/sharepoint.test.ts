import { startOneDrive } from '@pawl/emulators/onedrive'
import { expect, it } from 'vitest'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { Files } from '../../files.ts'
import { pathOf } from '../onedrive/names.ts'
import { sharepoint } from './sharepoint.ts'

const site = 'contoso.sharepoint.com,1,2'

async function emulated(): Promise<EmulatedWorld> {
  const emulator = await startOneDrive({ drive: `sites/${site}/drive` })
  const { endpoint, tokens, items, openSessions, expireSessions, close } = emulator
  return {
    emulator,
    expireCredential: () => tokens.expire(),
    expireSessions,
    adapter: () => sharepoint({ endpoint: `${endpoint}/v1.0`, token: () => tokens.current, site }),
    read: async (key) => items.get(`/${pathOf(key)}`)?.bytes,
    openSessions: async () => openSessions(),
    partSize: 320 * 1024,
    close,
  }
}

scenarios('sharepoint', emulated)
providerFaults('sharepoint', emulated)
operations('sharepoint', emulated)

it('reaches a library by its id', async () => {
  const server = await startOneDrive({ drive: `sites/${site}/drives/b!x` })
  const options = { endpoint: `${server.endpoint}/v1.0`, token: server.tokens.current, site, library: 'b!x' }
  await new Files({ adapter: sharepoint(options) }).upload('Reports/ü & ö.txt', 'yearly')
  expect(server.items.get('/Reports/ü & ö.txt')?.bytes.toString()).toBe('yearly')
  await server.close()
})
