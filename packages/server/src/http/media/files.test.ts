import { Validator } from '@seriousme/openapi-schema-validator'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signedUrlsFrom } from '../../access/signed-urls.ts'
import { send } from '../testing/client.ts'
import { type MediaServer, startMediaServer, type WireFile } from '../testing/media.ts'

let server: MediaServer
beforeAll(async () => {
  server = await startMediaServer({ args: ['--jwt-secret', SECRET] })
})
afterAll(() => server.close())

const SECRET = 'a secret for tests that is long enough'
const TEXT = 'text/plain'
const upload = (name: string, text: string, wish: object = {}) =>
  server.upload(name, TEXT, Buffer.from(text), wish)
const folder = async (name: string, parentFolderId?: string): Promise<string> =>
  (await server.folders.createFolder(name, parentFolderId === undefined ? {} : { parentFolderId })).folder
    ?._id ?? ''
const find = async (id: string): Promise<WireFile> =>
  (await server.ask<{ file: WireFile }>('GET', `/files/get-file-by-id?fileId=${id}`)).file

describe('a listing', () => {
  let place = ''
  beforeAll(async () => {
    place = await folder('listed')
    for (const [i, size] of [30, 10, 50, 20, 40].entries()) {
      await upload(`f${i}.txt`, 'x'.repeat(size), { parentFolderId: place, private: i % 2 === 0 })
    }
    await server.upload('a.svg', 'image/svg+xml', Buffer.from('<svg viewBox="0 0 1 1"></svg>'), {
      parentFolderId: place,
    })
  }, 60_000)

  test.each([
    [{ fieldName: 'displayName', order: 'ASC' }, ['a.svg', 'f0.txt', 'f1.txt', 'f2.txt', 'f3.txt', 'f4.txt']],
    [
      { fieldName: 'displayName', order: 'DESC' },
      ['f4.txt', 'f3.txt', 'f2.txt', 'f1.txt', 'f0.txt', 'a.svg'],
    ],
    [{ fieldName: 'sizeInBytes', order: 'ASC' }, ['f1.txt', 'f3.txt', 'a.svg', 'f0.txt', 'f4.txt', 'f2.txt']],
  ] as const)('sorted by %o comes in pages that fit together', async (sort, names) => {
    const seen: unknown[] = []
    let cursor: string | undefined
    do {
      const page = await server.files.listFiles({
        parentFolderId: place,
        sort,
        paging: { limit: 2, ...(cursor === undefined ? {} : { cursor }) },
      })
      expect(page.files?.length).toBeLessThanOrEqual(2)
      seen.push(...(page.files ?? []).map(({ displayName }) => displayName))
      cursor = page.nextCursor?.cursors?.next ?? undefined
    } while (cursor !== undefined)
    expect(seen).toEqual(names)
  })

  test('is the newest first unless told otherwise', async () => {
    const { files } = await server.ask<{ files: WireFile[] }>('GET', `/files?parentFolderId=${place}`)
    const times = files.map(({ updatedDate }) => updatedDate)
    expect(times).toEqual([...times].sort().reverse())
    expect(times).toHaveLength(6)
  })

  test('is of the kinds and the privacy that are asked for', async () => {
    const listed = async (query: string) =>
      (await server.ask<{ files: WireFile[] }>('GET', `/files?parentFolderId=${place}&${query}`)).files
    expect((await listed('mediaTypes=VECTOR')).map(({ displayName }) => displayName)).toEqual(['a.svg'])
    expect(await listed('mediaTypes=VECTOR&mediaTypes=DOCUMENT')).toHaveLength(6)
    expect(await listed('private=true')).toHaveLength(3)
    expect(await listed('private=false')).toHaveLength(3)
    expect(
      (await server.files.listFiles()).files?.some(({ parentFolderId }) => parentFolderId === place),
    ).toBe(false)
  })

  test.each([
    'paging.limit=0',
    'paging.limit=101',
    'paging.cursor=x',
    `paging.cursor=${Buffer.from('[1.5,"a"]').toString('base64url')}`,
    'sort.fieldName=hash',
    'mediaTypes=CAT',
    'private=1',
  ])('with %s is refused', async (query) => {
    expect((await server.call('GET', `/files?${query}`)).status).toBe(400)
  })
})

describe('a file', () => {
  test('gets another name, folder and labels', async () => {
    const [to, { id }] = [await folder('to'), await upload('old.txt', 'x')]
    const { file } = await server.ask<{ file: WireFile }>('PATCH', '/files/update-file-descriptor', {
      file: { id, displayName: 'neu 😀.txt', parentFolderId: to, labels: ['a', 'b'] },
    })
    expect(file).toMatchObject({ displayName: 'neu 😀.txt', parentFolderId: to, labels: ['a', 'b'] })
    expect(await find(id)).toEqual(file)
    await server.ask('PATCH', '/files/update-file-descriptor', {
      file: { id, displayName: 'no', labels: ['c'] },
      fieldMask: { paths: ['labels'] },
    })
    expect(await find(id)).toMatchObject({ displayName: 'neu 😀.txt', labels: ['c'] })
    for (const file of [{ id }, { id: 'x', displayName: 'a' }, { id, parentFolderId: 'x' }]) {
      expect((await server.call('PATCH', '/files/update-file-descriptor', { file })).status).toBe(400)
    }
  })

  test('goes into the trash, out of it, and for good', async () => {
    const { id, url } = await upload('trash.txt', 'bytes')
    await server.files.bulkDeleteFiles([id])
    expect((await find(id)).state).toBe('DELETED')
    expect((await send(url, 'GET')).status).toBe(404)
    expect((await server.files.listDeletedFiles()).files?.map(({ _id }) => _id)).toContain(id)
    await server.files.bulkRestoreFilesFromTrashBin([id])
    expect((await send(url, 'GET')).text).toBe('bytes')
    await server.files.bulkDeleteFiles([id], { permanent: true })
    expect((await send(url, 'GET')).status).toBe(404)
    expect((await server.call('GET', `/files/get-file-by-id?fileId=${id}`)).status).toBe(400)
  })

  test('is found with others by id, or by the vendor’s URL of it', async () => {
    const [a, b] = [await upload('a.txt', 'a'), await upload('b.txt', 'b')]
    const { files = [] } = await server.files.getFileDescriptors([a.id, `wix:document://v1/${b.id}/b.txt`])
    expect(files.map(({ _id }) => _id)).toEqual([a.id, b.id])
    expect((await server.call('POST', '/files/get-files', { fileIds: [a.id, 'none'] })).status).toBe(400)
  })
})

describe('a private file', () => {
  test('is given by a signed URL only, to this file only, for its time only', async () => {
    const { id, url } = await upload('secret.txt', 'secret', { private: true })
    const other = await upload('other.txt', 'other', { private: true })
    expect((await send(url, 'GET')).status).toBe(403)
    const { downloadUrls = [] } = await server.files.generateFileDownloadUrl(id)
    const signed = downloadUrls[0]?.url ?? ''
    const reply = await send(signed, 'GET')
    expect(reply.text).toBe('secret')
    expect(reply.headers['content-disposition']).toBe('attachment; filename=secret.txt')
    expect(reply.headers['cache-control']).toBe('private, no-store')
    const token = new URL(signed).search
    expect((await send(`${other.url}${token}`, 'GET')).status).toBe(403)
    expect((await send(`${url}/thumbnail${token}`, 'GET')).status).toBe(403)
    expect((await send(`${signed}x`, 'GET')).status).toBe(403)
    await server.files.bulkDeleteFiles([id])
    expect((await send(signed, 'GET')).status).toBe(404)
  })

  test('sends whoever comes late away, or where its URL says', async () => {
    const { id, url } = await upload('late.txt', 'late', { private: true })
    const past = signedUrlsFrom(Buffer.from(SECRET), () => Date.now() - 120_000)
    const get = async (redirect: string | undefined) => {
      const token = await past.signMedia({ file: id, asset: 'src', saveAs: undefined, redirect }, 60)
      return send(`${url}?token=${token}`, 'GET')
    }
    expect((await get(undefined)).status).toBe(403)
    const moved = await get('https://app.example/late')
    expect([moved.status, moved.headers.location]).toEqual([302, 'https://app.example/late'])
  })

  test('signs where a late one is sent as a header can say it', async () => {
    const { id } = await upload('place.txt', 'x', { private: true })
    const { downloadUrls } = await server.ask<{ downloadUrls: { url: string }[] }>(
      'POST',
      '/files/generate-file-download-url',
      { fileId: id, expirationRedirectUrl: 'https://app.example/spät\n' },
    )
    const token = new URL(downloadUrls[0]?.url ?? '').searchParams.get('token') ?? ''
    expect(decodeJwt(token).redirect).toBe('https://app.example/sp%C3%A4t')
  })

  test('is shown or saved under the name that the URL says', async () => {
    const { id } = await upload('name.txt', 'x', { private: true })
    const url = async (body: object) =>
      (
        await server.ask<{ downloadUrls: { url: string }[] }>('POST', '/files/generate-file-download-url', {
          fileId: id,
          ...body,
        })
      ).downloadUrls[0]?.url ?? ''
    const disposition = async (body: object) =>
      (await send(await url(body), 'GET')).headers['content-disposition']
    expect(await disposition({ contentDisposition: 'INLINE' })).toBe('inline; filename=name.txt')
    expect(await disposition({ downloadFileName: 'other.txt' })).toBe('attachment; filename=other.txt')
    for (const body of [
      { assetKeys: ['nothing'] },
      { assetKeys: ['thumbnail'] },
      { expirationInMinutes: 0 },
      { expirationInMinutes: 525_601 },
      { expirationRedirectUrl: 'javascript:alert(1)' },
      { contentDisposition: 'BOTH' },
    ]) {
      const reply = await server.call('POST', '/files/generate-file-download-url', { fileId: id, ...body })
      expect(reply.status, JSON.stringify(body)).toBe(400)
    }
  })
})

describe('what could run in a browser', () => {
  test('is only offered for saving, also with a URL that says otherwise', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    const { id, url } = await server.upload('x.svg', 'image/svg+xml', svg)
    const { downloadUrls = [] } = await server.files.generateFileDownloadUrl(id, {
      contentDisposition: 'INLINE',
    })
    for (const place of [url, downloadUrls[0]?.url ?? '']) {
      const { headers } = await send(place, 'GET')
      expect(headers['content-disposition']).toMatch(/^attachment/)
      expect(headers['content-security-policy']).toBe('sandbox')
    }
  })
})

describe('folders', () => {
  test('are made, renamed, moved and listed', async () => {
    const [a, b] = [await folder('a'), await folder('b')]
    const inner = await folder('inner', a)
    expect((await server.folders.listFolders({ parentFolderId: a })).folders?.map(({ _id }) => _id)).toEqual([
      inner,
    ])
    await server.folders.updateFolder(inner, { displayName: 'moved', parentFolderId: b })
    expect((await server.folders.getFolder(inner)).displayName).toBe('moved')
    expect((await server.folders.listFolders({ parentFolderId: a })).folders).toEqual([])
    const patch = (id: string, change: object) => server.call('PATCH', `/folders/${id}`, { folder: change })
    expect((await patch(b, { parentFolderId: inner })).status).toBe(400)
    expect((await patch(b, { parentFolderId: b })).status).toBe(400)
    expect((await patch(b, { parentFolderId: 'x' })).status).toBe(404)
    expect((await server.call('GET', '/folders/x')).status).toBe(404)
    expect((await server.call('POST', '/folders', { displayName: 'x', parentFolderId: 'none' })).status).toBe(
      404,
    )
  })

  test('take what is below them into the trash and out again, and for good', async () => {
    const outer = await folder('outer')
    const inner = await folder('in', outer)
    const { id, url } = await upload('deep.txt', 'deep', { parentFolderId: inner })
    await server.folders.bulkDeleteFolders([outer])
    expect((await send(url, 'GET')).status).toBe(404)
    expect(
      (await server.ask<{ folders: { id: string }[] }>('GET', '/trash-bin/folders')).folders,
    ).toHaveLength(2)
    expect(
      (await server.call('POST', '/files/generate-upload-url', { mimeType: TEXT, parentFolderId: inner }))
        .status,
    ).toBe(400)
    await server.folders.bulkRestoreFoldersFromTrashBin([outer])
    expect((await send(url, 'GET')).text).toBe('deep')
    await server.folders.bulkDeleteFolders([outer], { permanent: true })
    expect((await server.call('GET', `/files/get-file-by-id?fileId=${id}`)).status).toBe(400)
    expect((await server.call('GET', `/folders/${inner}`)).status).toBe(404)
  })

  test('of a path are made when the file comes, once', async () => {
    const first = await upload('1.txt', 'x', { filePath: '/videos/2024' })
    const second = await upload('2.txt', 'x', { filePath: 'videos/2024/' })
    expect(second.parentFolderId).toBe(first.parentFolderId)
    const { displayName, parentFolderId } = await server.folders.getFolder(first.parentFolderId)
    expect(displayName).toBe('2024')
    expect((await server.folders.getFolder(parentFolderId ?? '')).displayName).toBe('videos')
  })
})

test('every route is in the OpenAPI document, which is valid, with the shape of a refusal', async () => {
  const document = JSON.parse((await server.call('GET', '/openapi.json')).text) as {
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
  }
  expect(await new Validator().validate(document)).toEqual({ valid: true })
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining([
      '/files/generate-resumable-upload-url',
      '/uploads/{token}',
      '/folders/{id}',
      '/bulk/files/import-v2',
    ]),
  )
  for (const { head: _, ...methods } of Object.values(document.paths)) {
    for (const { responses } of Object.values(methods)) expect(responses['4XX']).toBeDefined()
  }
})
