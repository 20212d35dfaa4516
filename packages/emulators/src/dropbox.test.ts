/** Dropbox's own client uploads in chunks to the emulator, which refuses what Dropbox refuses. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentHash, type DropboxEmulator, startDropbox } from './dropbox.ts'
import { bytesOf, hasVendor, vendor } from './vendor.ts'

const MIB = 1024 * 1024

type Answer = Promise<{ result: Record<string, unknown> & { session_id: string; fileBinary: Buffer } }>
interface Client {
  [name: `files${string}`]: (args: object) => Answer
}
interface Sdk {
  Dropbox: new (options: object) => Client
  DropboxFileUploader: new (
    client: Client,
    options: object,
  ) => { upload(source: object, commit: object): Promise<{ metadata: Record<string, unknown> }> }
  bytesUpload(bytes: Uint8Array): object
}

describe.runIf(hasVendor('dropbox'))('the emulator of Dropbox', () => {
  let dropbox: DropboxEmulator
  let sdk: Sdk
  let client: Client
  const body = bytesOf(9 * MIB + 1000)
  beforeAll(async () => {
    dropbox = await startDropbox()
    sdk = vendor('dropbox')
    client = new sdk.Dropbox({
      accessToken: dropbox.tokens.current,
      fetch: (url: string, options: RequestInit) =>
        fetch(url.replace(/^https:\/\/(?:api|content)\.dropboxapi\.com/, dropbox.endpoint), options),
    })
  })
  afterAll(() => dropbox.close())
  const call = (name: string, args: object) => client[`files${name}`]?.(args)
  const refused = async (name: string, args: object, summary: string) =>
    expect(call(name, args)).rejects.toMatchObject({
      error: { error_summary: expect.stringContaining(summary) },
    })

  it.each([
    ['one after the other', { chunkSize: 2 * MIB }],
    ['side by side', { chunkSize: 4 * MIB, parallelUploads: 2 }],
  ])(
    "takes chunks of the vendor's client %s, also when an answer is lost, and gives them back",
    async (how, options) => {
      const path = `/ü/${how}.bin`
      let lost = false
      dropbox.inject = (call, index) => {
        if (call !== 'send' || index < 1 || lost) return undefined
        lost = true
        return 'lost answer'
      }
      const uploader = new sdk.DropboxFileUploader(client, options)
      const { metadata } = await uploader.upload(sdk.bytesUpload(body), { path, mode: { '.tag': 'add' } })
      dropbox.inject = () => undefined
      expect(metadata).toMatchObject({ size: body.length, content_hash: contentHash(body) })
      expect(dropbox.files.get(path)?.bytes.equals(body)).toBe(true)
      expect((await call('Download', { path }))?.result.fileBinary.equals(body)).toBe(true)
      expect(dropbox.openSessions()).toBe(0)
    },
  )

  it('refuses what Dropbox refuses', async () => {
    const start = async (args: object = {}) => (await call('UploadSessionStart', args))?.result.session_id
    const session_id = await start()
    const append = (offset: number, contents: Buffer, more: object = {}) => ({
      cursor: { session_id, offset },
      contents,
      ...more,
    })
    await refused('UploadSessionAppendV2', append(5, bytesOf(1)), 'incorrect_offset')
    await refused(
      'UploadSessionAppendV2',
      append(0, bytesOf(1), { content_hash: '0'.repeat(64) }),
      'content_hash_mismatch',
    )
    await call('UploadSessionAppendV2', append(0, bytesOf(5), { close: true }))
    await refused('UploadSessionAppendV2', append(5, bytesOf(1)), 'closed')
    const commit = { path: '/ü/side by side.bin', mode: { '.tag': 'add' } }
    await refused('UploadSessionFinish', { ...append(5, bytesOf(0)), commit }, 'path/conflict')
    await refused(
      'UploadSessionFinish',
      { ...append(4, bytesOf(0)), commit },
      'lookup_failed/incorrect_offset',
    )
    await refused(
      'UploadSessionFinish',
      { ...append(5, bytesOf(0)), commit: { path: 'x' } },
      'path/malformed_path',
    )
    await refused(
      'UploadSessionStart',
      { session_type: { '.tag': 'concurrent' }, contents: 'x' },
      'data_not_allowed',
    )
    const cursor = { session_id: await start({ session_type: { '.tag': 'concurrent' } }), offset: 0 }
    await refused(
      'UploadSessionAppendV2',
      { cursor: { ...cursor, offset: 5 }, contents: 'x' },
      'invalid_offset',
    )
    await refused('UploadSessionAppendV2', { cursor, contents: 'x' }, 'invalid_data_size')
    await refused('UploadSessionFinish', { cursor, commit: { path: '/k' } }, 'concurrent_session_not_closed')
    await refused(
      'UploadSessionAppendV2',
      { cursor, contents: Buffer.alloc(150 * MIB + 1) },
      'payload_too_large',
    )
    dropbox.expireSessions()
    await refused('UploadSessionAppendV2', { cursor, contents: '' }, 'not_found')
    dropbox.tokens.expire()
    await expect(call('GetMetadata', { path: '/k' })).rejects.toMatchObject({ status: 401 })
  })
})
