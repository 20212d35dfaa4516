import { json, Refused } from '@pawl/emulators/listen'
import { tokens } from '@pawl/emulators/tokens'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios } from '../../../test/scenarios.ts'
import { startFront, tusCall } from '../../../test/servers/front.ts'
import { type PawlServer, startPawl } from '../../../test/servers/pawl.ts'
import { UploadControl } from '../../control.ts'
import { FilesError } from '../../errors.ts'
import { Files } from '../../files.ts'
import type { WixOptions } from './options.ts'
import { wix } from './wix.ts'

const MEDIA = '/site-media/v1'
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

let server: PawlServer
beforeAll(async () => {
  server = await startPawl()
}, 60_000)
afterAll(() => server?.close())

const origin = () => new URL(server.endpoint).origin
const adapter = (more: Partial<WixOptions> = {}) =>
  wix({ endpoint: origin(), token: server.serviceKey, ...more })
const filesOf = (more: Partial<WixOptions> = {}) =>
  new Files({ adapter: adapter(more), retries: { max: 5, backoff: () => 1 } })

/** Pawl's media face behind keys that can expire. */
async function fronted(): Promise<EmulatedWorld> {
  const accepted = tokens()
  const front = await startFront(origin(), {
    callOf: ({ method, url }) => {
      if (url.pathname === `${MEDIA}/files/generate-resumable-upload-url`) return 'begin'
      if (!url.pathname.startsWith(`${MEDIA}/uploads`)) return 'other'
      return method === 'PUT' ? 'finish' : tusCall(method)
    },
    refusal: (status) => json({ message: 'not now' }, status),
    rules: ({ url, headers }) => {
      const path = url.pathname + url.search
      // Uploads and downloads need no key, and must not be sent one.
      if (/^\/site-media\/v1\/(?:uploads|plain-uploads|media)\b/.test(path)) {
        if (headers.authorization !== undefined) throw new Error('a key was sent with an upload')
        return { path }
      }
      if (headers.authorization !== accepted.current) throw new Refused(json({ message: 'expired' }, 401))
      return { path, headers: { authorization: server.serviceKey } }
    },
  })
  return {
    emulator: front,
    adapter: () => wix({ endpoint: front.endpoint, token: () => accepted.current }),
    read: async (key) => {
      try {
        return new Uint8Array(await (await filesOf().download(key)).arrayBuffer())
      } catch (error) {
        if (error instanceof FilesError && error.code === 'NotFound') return undefined
        throw error
      }
    },
    openSessions: front.openSessions,
    expireCredential: () => accepted.expire(),
    expireSessions: front.expireSessions,
    // Bodies of a few parts are too large to travel with the creation.
    partSize: 1.25 * 2 ** 20,
    close: front.close,
  }
}

scenarios('wix', fronted)
providerFaults('wix', fronted)
operations('wix', fronted)

describe('wix', () => {
  const list = async () => (await filesOf().list()).items.map(({ key }) => key)

  it('uploads with a URL that a backend asked for, without a key, and learns from it alone when it is READY', async () => {
    const body = Buffer.from(PNG, 'base64')
    const wishes: object[] = []
    const uploader = wix({
      endpoint: origin(),
      grant: async (wish) => {
        wishes.push(wish)
        const response = await fetch(`${origin()}${MEDIA}/files/generate-resumable-upload-url`, {
          method: 'POST',
          headers: { authorization: `Bearer ${server.serviceKey}`, 'content-type': 'application/json' },
          body: JSON.stringify(wish),
        })
        return response.json()
      },
    })
    const files = new Files({ adapter: uploader })
    const { digest } = await files.upload('given/dot.png', body, { contentType: 'image/png' })
    expect(wishes).toEqual([
      { fileName: 'dot.png', filePath: '/given', mimeType: 'image/png', sizeInBytes: String(body.length) },
    ])
    expect(digest?.algorithm).toBe('sha-256')
    expect(files.capabilities).toMatchObject({ download: false, list: false, resumable: true })
    expect((await filesOf().download('given/dot.png')).size).toBe(body.length)
  })

  it('says what the service found wrong with a file', async () => {
    const body = Buffer.from(PNG, 'base64').subarray(0, 40)
    await expect(filesOf().upload('cut.png', body, { contentType: 'image/png' })).rejects.toMatchObject({
      code: 'Corrupted',
    })
    expect(await list()).not.toContain('cut.png')
  })

  it('takes the place of what was there: the older file goes into the trash', async () => {
    const files = filesOf()
    await files.upload('twice.bin', 'one')
    await files.upload('twice.bin', 'two')
    expect(await (await files.download('twice.bin')).text()).toBe('two')
    const call = { signal: new AbortController().signal, touch: () => {} }
    const trash = await files.raw.ask('looking', 'GET', '/trash-bin/files', call)
    expect(JSON.stringify(trash)).toContain('twice.bin')
    await files.upload('other.bin', 'three')
    await files.move('other.bin', 'twice.bin')
    expect((await list()).filter((key) => key === 'twice.bin')).toHaveLength(1)
    expect(await (await files.download('twice.bin')).text()).toBe('three')
  })

  it('keeps private files private, and links to them for a while', async () => {
    const files = filesOf({ terms: { private: true } })
    const { url = '' } = await files.upload('secret.txt', 'secret', { contentType: 'text/plain' })
    expect((await fetch(url)).status).toBe(403)
    const link = await files.url('secret.txt', {
      expiresIn: 90,
      responseContentDisposition: 'attachment; filename="x.txt"',
    })
    const response = await fetch(link)
    expect(await response.text()).toBe('secret')
    expect(response.headers.get('content-disposition')).toContain('x.txt')
  })

  it('goes on when the answer to the creation was lost, with one file in the end', async () => {
    const world = await fronted()
    let lost = 0
    world.emulator.inject = (call, index) =>
      call === 'begin' && index === 1 && lost++ === 0 ? 'lost answer' : undefined
    const files = new Files({ adapter: world.adapter(), retries: { max: 2, backoff: () => 1 } })
    for (const size of [1000, 5 * 2 ** 20]) {
      const body = randomBytes(size)
      await files.upload('lost.bin', body)
      expect(same(await world.read('lost.bin', undefined), body)).toBe(true)
    }
    expect(lost).toBe(1)
    expect((await list()).filter((key) => key === 'lost.bin')).toHaveLength(1)
    await world.close?.()
  })

  it('believes no session token that leads elsewhere', async () => {
    const control = new UploadControl()
    const stop = new AbortController()
    const onProgress = () => stop.abort()
    const body = randomBytes(5 * 2 ** 20)
    const done = filesOf().upload('led.bin', body, { control, signal: stop.signal, onProgress })
    await expect(done).rejects.toMatchObject({ aborted: true })
    const token = JSON.stringify(control)
    for (const uploadUrl of [
      'http://127.0.0.1:9/uploads',
      'https://wix.com.example/',
      'http://upload.wixmp.com/',
    ]) {
      const doctored = token.replace(/"uploadUrl":"[^"]*"/, `"uploadUrl":${JSON.stringify(uploadUrl)}`)
      expect(doctored).not.toBe(token)
      const again = filesOf().upload('led.bin', body, { control: UploadControl.from(doctored) })
      await expect(again).rejects.toMatchObject({ code: 'Conflict' })
    }
  })

  it.each(['', 'a//b', '../b', 'a/.', 'a\u0000b', 'x'.repeat(256), 'a '])(
    'refuses the key %j',
    async (key) => {
      await expect(filesOf().upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    },
  )
})
