/** Bunny's own client works with the emulator, which refuses what Bunny refuses. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type BunnyEmulator, startBunny } from './bunny-storage.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

interface Sdk {
  zone: { connect_with_accesskey(region: string, name: string, key: string): object }
  file: {
    upload(zone: object, path: string, body: ReadableStream, options?: object): Promise<boolean>
    get(
      zone: object,
      path: string,
    ): Promise<Record<string, unknown> & { data(): Promise<{ stream: ReadableStream }> }>
    list(zone: object, path: string): Promise<{ objectName: string; isDirectory: boolean }[]>
    remove(zone: object, path: string): Promise<boolean>
  }
}

describe.runIf(hasVendor('@bunny.net/storage-sdk'))('the emulator of Bunny Storage', () => {
  let bunny: BunnyEmulator
  let sdk: Sdk
  let zone: object
  beforeAll(async () => {
    bunny = await startBunny()
    sdk = vendor('@bunny.net/storage-sdk')
    zone = sdk.zone.connect_with_accesskey('ny', bunny.zone, bunny.accessKey)
    // Its hosts cannot be changed: what goes to them is led here.
    const real = fetch
    vi.stubGlobal('fetch', (url: URL, options: RequestInit) => {
      const describes = options.method === 'DESCRIBE'
      const as = describes ? { method: 'POST', headers: { ...options.headers, 'x-method': 'DESCRIBE' } } : {}
      return real(String(url).replace('https://ny.storage.bunnycdn.com', bunny.endpoint), {
        ...options,
        ...as,
      })
    })
  })
  afterAll(async () => {
    vi.unstubAllGlobals()
    await bunny.close()
  })

  it("takes a file from the vendor's client, and gives it back", async () => {
    const body = bytesOf(3_000_000)
    const sha256Checksum = createHash('sha256').update(body).digest('hex').toUpperCase()
    const stream = () => new Blob([body]).stream()
    await sdk.file.upload(zone, '/a/ü.bin', stream(), { sha256Checksum, contentType: 'image/png' })
    expect(bunny.files.get('a/ü.bin')?.bytes.equals(body)).toBe(true)
    const there = await sdk.file.get(zone, '/a/ü.bin')
    expect(there).toMatchObject({ length: body.length, checksum: sha256Checksum, contentType: 'image/png' })
    expect(Buffer.from(await new Response((await there.data()).stream).arrayBuffer()).equals(body)).toBe(true)
    expect(await sdk.file.list(zone, '/')).toMatchObject([{ objectName: 'a', isDirectory: true }])
    expect(await sdk.file.list(zone, '/a')).toMatchObject([{ objectName: 'ü.bin', isDirectory: false }])
    expect(await sdk.file.remove(zone, '/a/ü.bin')).toBe(true)
    expect(bunny.files.size).toBe(0)
  })

  it('refuses what Bunny refuses', async () => {
    const stream = () => new Blob(['content']).stream()
    const wrong = sdk.file.upload(zone, '/x', stream(), { sha256Checksum: '0'.repeat(64) })
    await expect(wrong).rejects.toThrow(/checksum/)
    await expect(sdk.file.get(zone, '/x')).rejects.toThrow(/not found/)
    const stranger = sdk.zone.connect_with_accesskey('ny', bunny.zone, 'wrong')
    await expect(sdk.file.upload(stranger, '/x', stream())).rejects.toThrow(/Unauthorized/)
  })
})
