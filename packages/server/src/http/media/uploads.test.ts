import { createHash } from 'node:crypto'
import { Upload } from 'tus-js-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { samples, zip } from '../../media/testing/samples.ts'
import { send } from '../testing/client.ts'
import {
  createMedia,
  createMediaReply,
  type MediaServer,
  startMediaServer,
  type WireFile,
} from '../testing/media.ts'
import { head, metadataHeader, patch, TUS } from '../testing/test-server.ts'

let server: MediaServer
beforeAll(async () => {
  server = await startMediaServer({ args: ['--max-size', '1mb'] })
})
afterAll(() => server.close())

const TYPE = 'text/plain'
const finalize = (token: string, query = '') => send(`${server.base}/uploads/${token}${query}`, 'PUT')
const fileOf = (text: string): WireFile => (JSON.parse(text) as { file: WireFile }).file
const problemOf = (text: string) => {
  const { details } = JSON.parse(text) as {
    details: {
      applicationError: { code: string }
      validationError?: { fieldViolations: { field: string; ruleName: string }[] }
    }
  }
  const [violation] = details.validationError?.fieldViolations ?? []
  return { code: details.applicationError.code, rule: violation?.ruleName, field: violation?.field }
}

describe('the flow of the vendor', () => {
  test('its own module makes the URL, tus-js-client uploads, a PUT makes the file', async () => {
    const bytes = Buffer.from('what a stranger sends')
    const {
      uploadUrl = '',
      uploadToken = '',
      uploadProtocol,
    } = await server.files.generateFileResumableUploadUrl(TYPE, {
      fileName: 'note.txt',
      sizeInBytes: String(bytes.length),
      uploadProtocol: 'TUS',
      labels: ['a'],
    })
    expect(uploadProtocol).toBe('TUS')
    expect(uploadUrl).toBe(`${server.base}/uploads`)
    const metadata = { filename: 'note.txt', contentType: TYPE, token: uploadToken }
    await new Promise<void>((onSuccess, onError) => {
      new Upload(bytes, { endpoint: uploadUrl, metadata, onError, onSuccess: () => onSuccess() }).start()
    })
    // As axios sends it.
    const reply = await send(
      `${uploadUrl}/${uploadToken}?filename=note.txt`,
      'PUT',
      { 'Content-Type': 'application/json' },
      '{}',
    )
    expect(reply.status).toBe(200)
    const file = fileOf(reply.text)
    expect(file).toMatchObject({
      displayName: 'note.txt',
      url: `${server.base}/media/${file.id}`,
      parentFolderId: 'media-root',
      hash: createHash('md5').update(bytes).digest('hex'),
      sha256: createHash('sha256').update(bytes).digest('hex'),
      sizeInBytes: String(bytes.length),
      private: false,
      mediaType: 'DOCUMENT',
      media: {
        document: { id: file.id, url: file.url, filename: 'note.txt', sizeInBytes: String(bytes.length) },
      },
      operationStatus: 'READY',
      state: 'OK',
      labels: ['a'],
      siteId: 'pawl',
    })
    expect((await send(file.url, 'GET')).bytes).toEqual(bytes)
    const seen = await server.files.getFileDescriptor(file.id)
    expect(seen).toMatchObject({
      _id: file.id,
      hash: file.hash,
      media: { document: `wix:document://v1/${file.id}/note.txt` },
    })
    expect(seen._createdDate).toBeInstanceOf(Date)
  })

  test('every kind of file comes out as what it is', async () => {
    for (const { name, type, mediaType, bytes, facts } of await samples()) {
      const file = await server.upload(name, type, bytes)
      const { width, height, duration, bitrate, format, orientation } = facts
      const common = { id: file.id, url: file.url, filename: name, sizeInBytes: String(bytes.length) }
      const media = {
        IMAGE: { image: { image: { ...common, width, height, orientation }, faces: [] } },
        VECTOR: { vector: { image: { ...common, width, height }, faces: [] } },
        VIDEO: {
          video: {
            ...common,
            ...{ width, height, posters: [], durationInMilliseconds: (duration ?? 0) * 1000 },
            resolutions: [{ url: file.url, width, height, format: `${height}p.mp4` }],
          },
        },
        AUDIO: { audio: { ...common, assets: [{ ...common, format }], bitrate, format, duration } },
        DOCUMENT: { document: common },
        ARCHIVE: { archive: common },
      }[mediaType as 'IMAGE']
      const { createdDate, updatedDate, ...rest } = file
      expect(rest, name).toEqual(
        JSON.parse(
          JSON.stringify({
            id: file.id,
            displayName: name,
            url: `${server.base}/media/${file.id}`,
            parentFolderId: 'media-root',
            hash: createHash('md5').update(bytes).digest('hex'),
            sha256: createHash('sha256').update(bytes).digest('hex'),
            sizeInBytes: String(bytes.length),
            private: false,
            mediaType,
            media,
            operationStatus: 'READY',
            thumbnailUrl: mediaType === 'IMAGE' ? `${file.url}/thumbnail` : undefined,
            labels: [],
            siteId: 'pawl',
            state: 'OK',
          }),
        ),
      )
      expect(Date.parse(updatedDate)).toBeGreaterThanOrEqual(Date.parse(createdDate))
      const served = await send(file.url, 'GET')
      expect([served.bytes.equals(bytes), served.headers['content-type']]).toEqual([true, type])
      if (mediaType === 'IMAGE') {
        expect((await send(file.thumbnailUrl ?? '', 'GET')).headers['content-type']).toBe('image/webp')
      }
    }
  }, 60_000)

  test('a plain upload is one PUT, and its repeat gets the same file', async () => {
    const { uploadUrl } = await server.files.generateFileUploadUrl(TYPE, { sizeInBytes: '5' })
    const put = () => send(`${uploadUrl}?filename=a.txt`, 'PUT', { 'Content-Type': TYPE }, 'hello')
    const file = fileOf((await put()).text)
    expect(file).toMatchObject({ displayName: 'a.txt', operationStatus: 'READY', sizeInBytes: '5' })
    expect(fileOf((await put()).text).id).toBe(file.id)
    expect((await send(file.url, 'GET')).text).toBe('hello')
  })

  test('the token is shown nowhere again', async () => {
    const token = await server.token({ mimeType: TYPE })
    const url = await createMedia(server.base, { filename: 'x', token }, 5)
    expect((await head(url)).headers['upload-metadata']).toBe(metadataHeader({ filename: 'x' }))
  })
})

describe('a token', () => {
  const create = (token: string, length: number | undefined = 5, more: Record<string, string> = {}) =>
    createMediaReply(server.base, { filename: 'x', contentType: TYPE, token, ...more }, length)

  test('allows one file: its repeat is the same, a creation after it is refused', async () => {
    const token = await server.token({ mimeType: TYPE, fileName: 'x.txt' })
    const url = await createMedia(server.base, { token }, 5)
    expect((await patch(url, 0, 'hello')).status).toBe(204)
    const replies = await Promise.all([finalize(token), finalize(token), finalize(token)])
    expect(new Set(replies.map(({ text }) => fileOf(text).id)).size).toBe(1)
    expect((await create(token)).status).toBe(429)
  })

  test('that creates again ends its open upload', async () => {
    const token = await server.token({ mimeType: TYPE })
    const first = await createMedia(server.base, { token }, 5)
    expect((await patch(first, 0, 'he')).status).toBe(204)
    const second = await createMedia(server.base, { filename: 'second', token }, 5)
    expect((await head(first)).status).toBe(404)
    expect((await finalize(token)).status).toBe(409)
    expect((await patch(second, 0, 'world')).status).toBe(204)
    const file = fileOf((await finalize(token)).text)
    expect(file.displayName).toBe('second')
    expect((await send(file.url, 'GET')).text).toBe('world')
  })

  test('never changes a file that is finalized, whatever was begun before', async () => {
    const token = await server.token({ mimeType: TYPE })
    const [one, two] = await Promise.all([
      createMedia(server.base, { token }, 5),
      createMedia(server.base, { token }, 5),
    ])
    const sent = await Promise.all([patch(one, 0, 'first'), patch(two, 0, 'other')])
    const file = fileOf((await finalize(token)).text)
    const bytes = (await send(file.url, 'GET')).text
    for (const [url, reply] of [
      [one, sent[0]],
      [two, sent[1]],
    ] as const) {
      if (reply?.status !== 204) expect((await patch(url, 0, 'third')).status).toBeGreaterThanOrEqual(400)
    }
    expect((await send(file.url, 'GET')).text).toBe(bytes)
  })

  test('that is unknown, for something else, or none is 404, without a token 404 too', async () => {
    const plain = (
      await server.ask<{ uploadUrl: string }>('POST', '/files/generate-upload-url', { mimeType: TYPE })
    ).uploadUrl
    for (const token of ['A'.repeat(43), '../..', '', plain.slice(plain.lastIndexOf('/') + 1)]) {
      expect((await create(token)).status, token).toBe(404)
    }
    expect((await finalize('A'.repeat(43))).status).toBe(404)
    expect((await finalize('x')).status).toBe(404)
    const resumable = await server.token({ mimeType: TYPE })
    expect((await send(`${server.base}/plain-uploads/${resumable}`, 'PUT', {}, 'x')).status).toBe(404)
  })

  test.each([
    ['too long', { sizeInBytes: '5' }, 6, {}, 'FILE_SIZE_OVER_LIMIT'],
    ['too short', { sizeInBytes: '5' }, 4, {}, 'MISMATCH_FILE_SIZE'],
    ['empty', {}, 0, {}, 'ZERO_FILE_SIZE'],
    ['of another type', {}, 5, { contentType: 'image/png' }, 'MISMATCH_MIME_TYPE'],
  ])('holds what was declared: a file that is %s is refused', async (_, wish, length, metadata, rule) => {
    const token = await server.token({ mimeType: TYPE, ...wish })
    const reply = await create(token, length, metadata)
    expect([reply.status, problemOf(reply.text).rule]).toEqual([400, rule])
  })

  test('holds the size to the end, where it was not told before', async () => {
    const token = await server.token({ mimeType: TYPE, sizeInBytes: '5' })
    const url = await createMedia(server.base, { token }, undefined)
    expect((await patch(url, 0, '123456')).status).toBe(413)
    expect((await patch(url, 0, '1234', { 'Upload-Length': '4' })).status).toBe(204)
    const reply = await finalize(token)
    expect([reply.status, problemOf(reply.text).rule]).toEqual([400, 'MISMATCH_FILE_SIZE'])
    // The right one can still come.
    const again = await createMedia(server.base, { token }, 5)
    expect((await patch(again, 0, '12345')).status).toBe(204)
    expect((await finalize(token)).status).toBe(200)
  })

  test('holds the type against the bytes', async () => {
    const token = await server.token({ mimeType: 'image/png' })
    const bytes = zip([{ name: 'a', content: Buffer.from('a') }])
    const url = await createMedia(server.base, { contentType: 'image/png', token }, bytes.length)
    await patch(url, 0, bytes)
    for (const reply of [await finalize(token), await finalize(token)]) {
      expect([reply.status, problemOf(reply.text).rule]).toEqual([400, 'MISMATCH_MIME_TYPE'])
    }
  })

  test('finalized too early is 409, and the upload goes on', async () => {
    const token = await server.token({ mimeType: TYPE })
    expect((await finalize(token)).status).toBe(409)
    const url = await createMedia(server.base, { token }, 5)
    await patch(url, 0, 'he')
    expect(problemOf((await finalize(token)).text).code).toBe('FAILED_PRECONDITION')
    expect((await patch(url, 2, 'llo')).status).toBe(204)
    expect((await finalize(token)).status).toBe(200)
  })

  test('makes one upload of one piece: parts could be any number', async () => {
    const token = await server.token({ mimeType: TYPE })
    const headers = { ...TUS, 'Upload-Length': '5', 'Upload-Metadata': metadataHeader({ token }) }
    for (const concat of ['partial', `final;${server.base}/uploads/x`]) {
      const reply = await send(`${server.base}/uploads`, 'POST', { ...headers, 'Upload-Concat': concat })
      expect(reply.status).toBe(400)
    }
    const { headers: offered } = await send(`${server.base}/uploads`, 'OPTIONS')
    expect(offered['tus-extension']).not.toContain('concatenation')
    expect(offered['tus-extension']).toContain('creation-defer-length')
  })
})

describe('who may', () => {
  test('manage is the service role; without a key 401, with another 403', async () => {
    const path = '/files/generate-resumable-upload-url'
    const anon = await server.server.tokens.apiKey('anon')
    const status = async (headers: Record<string, string>) =>
      (await server.call('POST', path, { mimeType: TYPE }, headers)).status
    expect(await status({})).toBe(401)
    expect(await status({ Authorization: 'Bearer nonsense' })).toBe(401)
    expect(await status({ Authorization: `Bearer ${anon}` })).toBe(403)
    // As the vendor's clients send theirs.
    expect(await status({ Authorization: server.service })).toBe(200)
  })

  test('go on with an upload is whoever has its URL; other faces do not know it', async () => {
    const token = await server.token({ mimeType: TYPE })
    const url = await createMedia(server.base, { token }, 5)
    const id = url.slice(url.lastIndexOf('/') + 1)
    const authorization = { Authorization: `Bearer ${server.service}` }
    expect((await head(`${server.url}/files/${id}`, { ...TUS, ...authorization })).status).toBe(404)
    expect(
      (await head(`${server.url}/storage/v1/upload/resumable/${id}`, { ...TUS, ...authorization })).status,
    ).toBe(404)
    expect((await send(url, 'DELETE', TUS)).status).toBe(204)
  })
})

describe('bad input is refused by name', () => {
  test.each([
    ['no type', {}, 'mimeType'],
    ['a type that is none', { mimeType: 'png' }, 'mimeType'],
    ['a type with a header in it', { mimeType: 'a/b\r\nX: 1' }, 'mimeType'],
    ['a size that is none', { mimeType: TYPE, sizeInBytes: '-1' }, 'sizeInBytes'],
    ['no bytes', { mimeType: TYPE, sizeInBytes: '0' }, 'sizeInBytes'],
    ['too many bytes', { mimeType: TYPE, sizeInBytes: '1000001' }, 'sizeInBytes'],
    ['a folder that is none', { mimeType: TYPE, parentFolderId: 'x' }, 'parentFolderId'],
    ['another protocol', { mimeType: TYPE, uploadProtocol: 'FTP' }, 'uploadProtocol'],
    ['a name with a line in it', { mimeType: TYPE, fileName: 'a\nb' }, 'fileName'],
    ['a path without end', { mimeType: TYPE, filePath: '/a'.repeat(50) }, 'filePath'],
    ['labels without end', { mimeType: TYPE, labels: Array(501).fill('a') }, 'labels'],
  ])('%s', async (_, body, field) => {
    const reply = await server.call('POST', '/files/generate-resumable-upload-url', body)
    expect([reply.status, problemOf(reply.text).field]).toEqual([400, field])
  })

  test('the vendor’s module reads the rule', async () => {
    const error: unknown = await server.files.getFileDescriptor('nothing').then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({
      details: { validationError: { fieldViolations: [{ ruleName: 'RESOURCE_NOT_FOUND' }] } },
    })
  })

  test('what is no JSON, no route, no method', async () => {
    expect((await server.call('POST', '/files/import', '{')).status).toBe(400)
    expect(problemOf((await server.call('GET', '/nothing')).text).code).toBe('NOT_FOUND')
    expect((await send(`${server.base}/uploads`, 'PATCH', TUS)).status).toBe(405)
    expect((await send(`${server.base}/uploads/a/b`, 'PUT')).status).toBe(404)
    expect((await send(`${server.base}/media/%2e%2e`, 'GET')).status).toBe(404)
  })

  test('a finalizing PUT with a body that is no JSON is not read to its end', async () => {
    const token = await server.token({ mimeType: TYPE })
    expect((await send(`${server.base}/uploads/${token}`, 'PUT', {}, Buffer.alloc(100_000))).status).toBe(413)
  })
})
