/** Box's own client uploads in chunks to the emulator, which refuses what Box refuses. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BoxEmulator, startBox } from './box.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

const MIB = 1024 * 1024

interface Session {
  readonly id: string
  readonly partSize: number
  readonly totalParts: number
}
interface Part {
  readonly partId: string
}
interface File {
  readonly id: string
  readonly size: number
  readonly sha1: string
  readonly etag: string
}
interface Client {
  readonly networkSession: unknown
  withCustomBaseUrls(urls: object): Client
  readonly chunkedUploads: {
    uploadBigFile(file: Readable, name: string, size: number, folder: string): Promise<File>
    createFileUploadSession(args: object): Promise<Session>
    createFileUploadSessionForExistingFile(id: string, args: object): Promise<Session>
    uploadFilePart(id: string, body: Readable, headers: object): Promise<{ part: Part }>
    getFileUploadSessionParts(id: string): Promise<{ entries: Part[]; totalCount: number }>
    createFileUploadSessionCommit(
      id: string,
      args: object,
      headers: object,
    ): Promise<{ entries: File[] } | undefined>
    deleteFileUploadSessionById(id: string): Promise<void>
  }
  readonly uploads: {
    uploadFile(args: object, options?: object): Promise<{ entries: File[] }>
    uploadFileVersion(id: string, args: object, options?: object): Promise<{ entries: File[] }>
    preflightFileUploadCheck(args: object): Promise<unknown>
  }
  readonly downloads: { downloadFile(id: string): Promise<Readable> }
  readonly files: {
    getFileById(id: string): Promise<File>
    copyFile(id: string, args: object): Promise<File>
    updateFileById(id: string, args: object): Promise<File>
    deleteFileById(id: string): Promise<void>
  }
  readonly folders: {
    createFolder(args: object): Promise<{ id: string }>
    getFolderItems(id: string, args: object): Promise<{ entries: { name: string }[]; nextMarker?: string }>
  }
}

describe.runIf(hasVendor('box-node-sdk'))('the emulator of Box', () => {
  let box: BoxEmulator
  let client: Client
  const body = bytesOf(20 * MIB + 1000)
  const sha1 = (bytes: Buffer) => createHash('sha1').update(bytes)
  const attributes = (name: string, id = '0') => ({ name, parent: { id } })
  const coded = (status: number, code: string) => ({
    responseInfo: expect.objectContaining({ statusCode: status, code: JSON.stringify(code) }),
  })

  beforeAll(async () => {
    box = await startBox()
    const sdk = vendor('box-node-sdk')
    const auth = new sdk.BoxDeveloperTokenAuth({ token: box.tokens.current })
    const { NetworkSession } = vendor('box-node-sdk/networking')
    const { BoxRetryStrategy } = vendor('box-node-sdk/networking/retries')
    // Only its waiting is shortened.
    const networkSession = new NetworkSession({
      retryStrategy: new BoxRetryStrategy({ retryBaseInterval: 0.001 }),
    })
    const plain: Client = new sdk.BoxClient({ auth, networkSession })
    const { endpoint } = box
    client = plain.withCustomBaseUrls({
      baseUrl: endpoint,
      uploadUrl: `${endpoint}/api`,
      oauth2Url: `${endpoint}/oauth2`,
    })
  })
  afterAll(() => box.close())

  it("takes a big file from the vendor's client in parts, and gives it back", async () => {
    const file = await client.chunkedUploads.uploadBigFile(Readable.from([body]), 'big.bin', body.length, '0')
    expect(file).toMatchObject({ size: body.length, sha1: sha1(body).digest('hex') })
    expect(box.file('big.bin')?.bytes.equals(body)).toBe(true)
    expect(box.openSessions()).toBe(0)
    const chunks: Buffer[] = []
    for await (const chunk of await client.downloads.downloadFile(file.id)) chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(body)).toBe(true)
  })

  it("does for the vendor's client what else the adapter asks for", async () => {
    const folder = await client.folders.createFolder(attributes('a'))
    const small = { attributes: attributes('ü.txt', folder.id), file: Readable.from([Buffer.from('one')]) }
    await client.uploads.preflightFileUploadCheck(attributes('ü.txt', folder.id))
    const { entries } = await client.uploads.uploadFile(small)
    const { id = '' } = entries[0] ?? {}
    expect(box.file('a/ü.txt')?.bytes.toString()).toBe('one')
    await expect(
      client.uploads.preflightFileUploadCheck(attributes('ü.txt', folder.id)),
    ).rejects.toMatchObject(coded(409, 'item_name_in_use'))
    const next = { attributes: { name: 'ü.txt' }, file: Readable.from([Buffer.from('two')]) }
    const headers = { ifMatch: '0' }
    await client.uploads.uploadFileVersion(id, next, { headers })
    const late = { ...next, file: Readable.from([Buffer.from('late')]) }
    await expect(client.uploads.uploadFileVersion(id, late, { headers })).rejects.toMatchObject(
      coded(412, 'precondition_failed'),
    )
    const copy = await client.files.copyFile(id, { parent: { id: '0' }, name: 'copy' })
    await client.files.updateFileById(copy.id, { requestBody: attributes('moved', folder.id) })
    const page = { queryParams: { usemarker: true, limit: 1 } }
    const first = await client.folders.getFolderItems(folder.id, page)
    expect([first.entries.map(({ name }) => name), first.nextMarker]).toEqual([['ü.txt'], '1'])
    await client.files.deleteFileById(copy.id)
    await expect(client.files.getFileById(copy.id)).rejects.toMatchObject(coded(404, 'not_found'))
    expect((await client.files.getFileById(id)).etag).toBe('1')
  })

  it('refuses what Box refuses', async () => {
    const { chunkedUploads: chunked } = client
    const begin = (fileName: string, fileSize = body.length) =>
      chunked.createFileUploadSession({ fileName, fileSize, folderId: '0' })
    await expect(begin('small', 19_999_999)).rejects.toMatchObject(coded(400, 'file_size_too_small'))
    await expect(begin('big.bin')).rejects.toMatchObject(coded(409, 'item_name_in_use'))
    await expect(begin('a/b')).rejects.toMatchObject(coded(400, 'item_name_invalid'))
    const { id, partSize } = await begin('refused')
    const part = (start: number, bytes: Buffer, digest = sha1(bytes).digest('base64'), total = body.length) =>
      chunked.uploadFilePart(id, Readable.from([bytes]), {
        digest: `sha=${digest}`,
        contentRange: `bytes ${start}-${start + bytes.length - 1}/${total}`,
      })
    const first = body.subarray(0, partSize)
    await expect(part(1, first)).rejects.toMatchObject(coded(416, 'invalid_part_range'))
    await expect(part(0, first.subarray(1))).rejects.toMatchObject(coded(416, 'invalid_part_range'))
    await expect(part(0, first, undefined, 7)).rejects.toMatchObject(coded(416, 'invalid_part_range'))
    await expect(part(0, first, sha1(body).digest('base64'))).rejects.toMatchObject(
      coded(400, 'digest_mismatch'),
    )
    const parts = [(await part(0, first)).part]
    await expect(part(0, first)).rejects.toMatchObject(coded(409, 'range_overlaps_existing_part'))
    const commit = (digest: string) =>
      chunked.createFileUploadSessionCommit(id, { parts }, { digest: `sha=${digest}` })
    await expect(commit(sha1(body).digest('base64'))).rejects.toMatchObject(coded(400, 'parts_mismatch'))
    for (let at = partSize; at < body.length; at += partSize)
      parts.push((await part(at, body.subarray(at, at + partSize))).part)
    expect(await chunked.getFileUploadSessionParts(id)).toMatchObject({ totalCount: 3 })
    await expect(commit(sha1(first).digest('base64'))).rejects.toMatchObject(coded(400, 'digest_mismatch'))
    box.unready.push('accepted')
    expect(await commit(sha1(body).digest('base64'))).toBeUndefined()
    await chunked.deleteFileUploadSessionById(id)
    await expect(part(0, first)).rejects.toMatchObject(coded(404, 'not_found'))
    const big = { attributes: attributes('huge'), file: Readable.from([Buffer.alloc(50_000_001)]) }
    await expect(client.uploads.uploadFile(big)).rejects.toMatchObject(coded(413, 'file_size_limit_exceeded'))
    const damaged = { attributes: attributes('damaged'), file: Readable.from([Buffer.from('x')]) }
    const headers = { contentMd5: sha1(first).digest('hex') }
    await expect(client.uploads.uploadFile(damaged, { headers })).rejects.toMatchObject(
      coded(400, 'bad_digest'),
    )
    const session = await begin('expiring')
    box.expireSessions()
    await expect(chunked.getFileUploadSessionParts(session.id)).rejects.toMatchObject(coded(404, 'not_found'))
  })

  it("gives the vendor's client the end of an upload whose answer was lost", async () => {
    let lost = false
    box.inject = (call) => {
      if (call !== 'begin' || lost) return undefined
      lost = true
      return 'lost answer'
    }
    const upload = client.chunkedUploads.uploadBigFile(Readable.from([body]), 'lost.bin', body.length, '0')
    expect((await upload).size).toBe(body.length)
    box.inject = () => undefined
    box.tokens.expire()
    await expect(client.folders.getFolderItems('0', {})).rejects.toThrow('token has expired')
  })
})
