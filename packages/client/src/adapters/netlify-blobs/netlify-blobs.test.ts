import { describe, expect, it } from 'vitest'
import { operations } from '../../../test/operations.ts'
import type { World } from '../../../test/scenarios.ts'
import { hasNetlify, startNetlify } from '../../../test/servers/netlify.ts'
import { type WholeWorld, wholeScenarios } from '../../../test/whole-scenarios.ts'
import { Files } from '../../files.ts'
import { netlifyBlobs } from './netlify-blobs.ts'

const store = 'uploads'

async function served(): Promise<WholeWorld & World> {
  const server = await startNetlify()
  const { endpoint, siteId } = server
  return {
    emulator: server,
    adapter: () => netlifyBlobs({ store, siteId, endpoint, token: server.token }),
    read: (key) => server.read(store, key),
    expireCredential: () => server.expireToken(),
    comparesDigest: false,
    openSessions: async () => 0,
    partSize: 1,
    deletesBelow: true,
    close: () => server.close(),
  }
}

describe.runIf(hasNetlify())("on the vendor's server", () => {
  wholeScenarios('netlify-blobs', served)
  operations('netlify-blobs', served)

  it('sends the token to the interface only, never to where the bytes go', async () => {
    const world = await served()
    await new Files({ adapter: world.adapter() }).upload('a', 'content', { metadata: { who: 'me' } })
    const sends = world.emulator.requests.filter(({ call }) => call === 'send')
    expect(sends).toHaveLength(1)
    expect(sends[0]?.headers.authorization).toBeUndefined()
    await world.close()
  })
})

it('finds what Netlify tells its own functions, and uses their edge', async () => {
  const context = { edgeURL: 'http://127.0.0.1:9/edge', siteID: 'own', token: 'secret' }
  const own = globalThis as { netlifyBlobsContext?: string }
  own.netlifyBlobsContext = btoa(JSON.stringify(context))
  const asked: { url: string; headers: object }[] = []
  const adapter = netlifyBlobs({
    store,
    http: async ({ url, headers }) => {
      asked.push({ url, headers })
      return { status: 200, header: () => '"1"', headers: () => [], text: async () => '' }
    },
  })
  delete own.netlifyBlobsContext
  await new Files({ adapter }).upload('ü', 'x')
  expect(asked).toMatchObject([
    { url: 'http://127.0.0.1:9/edge/own/site:uploads/%C3%BC', headers: { authorization: 'Bearer secret' } },
  ])
  expect(() => netlifyBlobs({ store })).toThrow(/siteId/)
  expect(() => netlifyBlobs({ store: 'a/b', siteId: 's', token: 't' })).toThrow(/store name/)
})

it.each(['', '/a', 'a//b', '../x', 'a%20b', 'a\nb', 'x'.repeat(601)])('refuses the key %j', async (key) => {
  const adapter = netlifyBlobs({ store, siteId: 's', token: 't', endpoint: 'http://127.0.0.1:9' })
  await expect(new Files({ adapter }).upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
})
