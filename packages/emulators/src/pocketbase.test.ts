/** PocketBase's own client works with the emulator, which refuses what PocketBase refuses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PocketBaseEmulator, startPocketBase } from './pocketbase.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

interface Saved {
  readonly id: string
  readonly key: string
  readonly file: string
}
interface Client {
  readonly authStore: { save(token: string): void }
  readonly files: { getURL(record: Saved, name: string, query?: object): string; getToken(): Promise<string> }
  collection(name: string): {
    create(fields: object): Promise<Saved>
    update(id: string, fields: object): Promise<Saved>
    delete(id: string): Promise<boolean>
    getFirstListItem(filter: string): Promise<Saved>
    getFullList(options: object): Promise<Saved[]>
  }
  filter(text: string, values: object): string
}

describe.runIf(hasVendor('pocketbase'))('the emulator of PocketBase', () => {
  let server: PocketBaseEmulator
  let client: Client
  beforeAll(async () => {
    server = await startPocketBase({ maxSize: 4_000_000 })
    const { default: Sdk }: { default: new (url: string) => Client } = vendor('pocketbase')
    client = new Sdk(server.endpoint)
    client.authStore.save(server.tokens.current)
  })
  afterAll(() => server.close())

  it("takes files from the vendor's client, replaces one, and gives it back", async () => {
    const body = bytesOf(3_000_000)
    const files = client.collection(server.collection)
    const first = await files.create({ key: 'a/ü "b"', file: new File(['old'], 'old ü.bin') })
    await files.update(first.id, { file: new File([body], 'new.bin') })
    const found = await files
      .getFirstListItem(client.filter('key = {:key}', { key: 'other' }))
      .catch(() => undefined)
    expect(found).toBeUndefined()
    await files.create({ key: 'plain', file: new File(['x'], 'x') })
    const plain = await files.getFirstListItem(client.filter('key={:key}', { key: 'plain' }))
    expect(plain).toMatchObject({ key: 'plain' })
    const all = await files.getFullList({ sort: 'key' })
    expect(all.map(({ key }) => key)).toEqual(['a/ü "b"', 'plain'])
    const [saved] = all
    if (!saved) throw new Error('nothing was saved')
    expect(saved.file).toMatch(/^new_\w{10}\.bin$/)
    server.isProtected = true
    expect((await fetch(client.files.getURL(saved, saved.file))).status).toBe(404)
    const url = client.files.getURL(saved, saved.file, { token: await client.files.getToken() })
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(body)).toBe(true)
    server.isProtected = false
    for (const { id } of all) await files.delete(id)
    expect(server.records.size).toBe(0)
  })

  it('refuses what PocketBase refuses', async () => {
    const files = client.collection(server.collection)
    await files.create({ key: 'once', file: new File(['x'], 'x') })
    const refused = async (call: Promise<unknown>, status: number, code?: string) => {
      const error: { status?: number; response?: unknown } = await call.then(
        () => ({}),
        (error) => error,
      )
      expect(error.status).toBe(status)
      if (code) expect(JSON.stringify(error.response)).toContain(code)
    }
    await refused(files.create({ key: 'once', file: new File(['y'], 'y') }), 400, 'validation_not_unique')
    await refused(files.create({ file: new File(['y'], 'y') }), 400, 'validation_required')
    await refused(
      files.create({ key: 'large', file: new File([bytesOf(4_000_001)], 'y') }),
      400,
      'file_size_limit',
    )
    await refused(files.update('nobody', { file: new File(['y'], 'y') }), 404)
    await refused(client.collection('others').getFullList({}), 404)
    server.tokens.expire()
    await refused(files.create({ key: 'late', file: new File(['y'], 'y') }), 401)
  })
})
