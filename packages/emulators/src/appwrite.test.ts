/** Appwrite's own client uploads in chunks to the emulator, which refuses what Appwrite refuses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AppwriteEmulator, startAppwrite } from './appwrite.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

const MIB = 1024 * 1024

interface Sdk {
  readonly Client: new () => {
    setEndpoint(url: string): InstanceType<Sdk['Client']>
    setProject(id: string): InstanceType<Sdk['Client']>
    setKey(key: string): InstanceType<Sdk['Client']>
  }
  readonly Storage: new (
    client: object,
  ) => {
    createFile(options: object): Promise<Record<string, unknown>>
    listFiles(options: object): Promise<{ total: number; files: { name: string }[] }>
    updateFile(options: object): Promise<Record<string, unknown>>
    deleteFile(options: object): Promise<unknown>
    getFileDownload(options: object): Promise<ArrayBuffer>
  }
  readonly Tokens: new (client: object) => { createFileToken(options: object): Promise<{ secret: string }> }
  readonly Query: { equal(attribute: string, values: string[]): string; limit(count: number): string }
}

describe.runIf(hasVendor('node-appwrite'))('the emulator of Appwrite', () => {
  let appwrite: AppwriteEmulator
  let sdk: Sdk
  let storage: InstanceType<Sdk['Storage']>
  let client: InstanceType<Sdk['Client']>
  const body = bytesOf(11 * MIB)
  const inBucket = { bucketId: 'bucket' }
  beforeAll(async () => {
    appwrite = await startAppwrite()
    sdk = vendor('node-appwrite')
    client = new sdk.Client()
      .setEndpoint(`${appwrite.endpoint}/v1`)
      .setProject('project')
      .setKey(appwrite.tokens.current)
    storage = new sdk.Storage(client)
  })
  afterAll(() => appwrite.close())
  const file = (bytes: Buffer, name: string) => vendor('node-appwrite/file').InputFile.fromBuffer(bytes, name)

  it("takes chunks of the vendor's client side by side, and gives the file back", async () => {
    const made = await storage.createFile({ ...inBucket, fileId: 'a1', file: file(body, 'ü.bin') })
    expect(made).toMatchObject({ $id: 'a1', chunksTotal: 3, chunksUploaded: 3, sizeOriginal: body.length })
    expect(appwrite.named('ü.bin')[0]?.equals(body)).toBe(true)
    const back = await storage.getFileDownload({ ...inBucket, fileId: 'a1' })
    expect(Buffer.from(back).equals(body)).toBe(true)
    expect(appwrite.openSessions()).toBe(0)
  })

  it("lists, renames, links and deletes for the vendor's client", async () => {
    await storage.createFile({ ...inBucket, fileId: 'b1', file: file(bytesOf(10), 'b.bin') })
    await storage.updateFile({ ...inBucket, fileId: 'b1', name: 'c/d.bin' })
    const queries = [sdk.Query.equal('name', ['c/d.bin']), sdk.Query.limit(5)]
    expect(await storage.listFiles({ ...inBucket, queries })).toMatchObject({
      total: 1,
      files: [{ name: 'c/d.bin' }],
    })
    const expire = new Date(Date.now() + 60_000).toISOString()
    const { secret } = await new sdk.Tokens(client).createFileToken({ ...inBucket, fileId: 'b1', expire })
    const view = `${appwrite.endpoint}/v1/storage/buckets/bucket/files/b1/view?project=project&token=`
    expect((await fetch(view + secret)).status).toBe(200)
    expect((await fetch(`${view}wrong`)).status).toBe(401)
    await storage.deleteFile({ ...inBucket, fileId: 'b1' })
    await expect(storage.deleteFile({ ...inBucket, fileId: 'b1' })).rejects.toMatchObject({ code: 404 })
  })

  it('refuses what Appwrite refuses', async () => {
    const send = async (bytes: Buffer, range?: string, more: Record<string, string> = {}, id = 'r1') => {
      const form = new FormData()
      form.set('fileId', id)
      form.set('file', new Blob([new Uint8Array(bytes)]), 'x')
      const headers = {
        'x-appwrite-project': 'project',
        'x-appwrite-key': appwrite.tokens.current,
        ...(range === undefined ? {} : { 'content-range': range }),
        ...more,
      }
      const url = `${appwrite.endpoint}/v1/storage/buckets/bucket/files`
      const response = await fetch(url, { method: 'POST', headers, body: form })
      return [response.status, ((await response.json()) as { type?: string }).type]
    }
    const wrongRange = [400, 'storage_invalid_content_range']
    expect(await send(bytesOf(5), 'bytes 0-4/100')).toEqual(wrongRange)
    expect(await send(bytesOf(5), `bytes 100-104/105`)).toEqual(wrongRange)
    expect(await send(bytesOf(5), `bytes 0-5/6`)).toEqual(wrongRange)
    expect(await send(bytesOf(5 * MIB + 1))).toEqual(wrongRange)
    expect(await send(bytesOf(0))).toEqual([400, 'storage_file_empty'])
    expect(await send(bytesOf(5 * MIB), `bytes 0-${5 * MIB - 1}/5000000001`)).toEqual([
      400,
      'storage_invalid_file_size',
    ])
    expect(await send(bytesOf(1), undefined, {}, '-x')).toEqual([400, 'general_argument_invalid'])
    expect(await send(bytesOf(1), undefined, { 'x-appwrite-id': 'a b' })).toEqual([
      400,
      'storage_invalid_appwrite_id',
    ])
    expect(await send(bytesOf(1))).toEqual([201, undefined])
    expect(await send(bytesOf(1))).toEqual([409, 'storage_file_already_exists'])
    // A chunk of a file that is complete is answered with the file.
    expect(await send(bytesOf(1), 'bytes 0-0/1')).toEqual([200, undefined])
    expect(await send(bytesOf(1), undefined, { 'x-appwrite-project': 'other' })).toEqual([
      404,
      'project_not_found',
    ])
    appwrite.tokens.expire()
    await expect(storage.listFiles(inBucket)).rejects.toMatchObject({ code: 401 })
  })
})
