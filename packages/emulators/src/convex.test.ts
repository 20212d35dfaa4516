/** Convex's own client works with the emulator, which refuses what Convex refuses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConvexEmulator, startConvex } from './convex.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

interface Client {
  setAuth(token: string): void
  query(name: string, args: object): Promise<unknown>
  mutation(name: string, args: object): Promise<unknown>
}
interface Sdk {
  ConvexHttpClient: new (url: string, options: object) => Client
}

describe.runIf(hasVendor('convex'))('the emulator of Convex', () => {
  let server: ConvexEmulator
  let client: Client
  beforeAll(async () => {
    server = await startConvex()
    const sdk: Sdk = vendor('convex/browser')
    client = new sdk.ConvexHttpClient(server.endpoint, { logger: false })
    client.setAuth(server.tokens.current)
  })
  afterAll(() => server.close())
  const post = async (body: Buffer<ArrayBuffer>) =>
    fetch(String(await client.mutation('pawl:uploadUrl', {})), { method: 'POST', body })

  it("takes a file as its documentation uploads it through the vendor's client, and gives it back", async () => {
    const body = bytesOf(3_000_000)
    const { storageId } = (await (await post(body)).json()) as { storageId: string }
    expect(await client.mutation('pawl:save', { key: 'a/ü', storageId })).toMatchObject({ size: body.length })
    const file = (await client.query('pawl:get', { key: 'a/ü' })) as { url: string }
    expect(file).toMatchObject({ storageId, size: body.length })
    expect(Buffer.from(await (await fetch(file.url)).arrayBuffer()).equals(body)).toBe(true)
    const list = { prefix: 'a/', after: null, limit: 10 }
    expect(await client.query('pawl:list', list)).toMatchObject([{ key: 'a/ü' }])
    await client.mutation('pawl:remove', { key: 'a/ü' })
    expect([server.storage.size, server.rows.size]).toEqual([0, 0])
    expect((await fetch(file.url)).status).toBe(404)
  })

  it('refuses what Convex refuses', async () => {
    await expect(client.mutation('pawl:nothing', {})).rejects.toThrow(/Could not find/)
    await expect(client.mutation('pawl:save', { key: 'x', storageId: 'kgnone' })).rejects.toThrow(
      /no such file/,
    )
    const url = String(await client.mutation('pawl:uploadUrl', {}))
    server.expireUrls()
    expect((await fetch(url, { method: 'POST', body: 'late' })).status).toBe(401)
    server.tokens.expire()
    await expect(client.mutation('pawl:uploadUrl', {})).rejects.toThrow(/Unauthenticated/)
  })
})
