import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { type Call, Refused } from '@pawl/emulators/listen'
import { tokens } from '@pawl/emulators/tokens'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { wireOf } from '../../../test/faults.ts'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { startFront } from '../../../test/servers/front.ts'
import {
  hasWebdav,
  startWebdav,
  type WebdavServer,
  type WebdavServerName,
} from '../../../test/servers/webdav.ts'
import { UploadControl } from '../../control.ts'
import { Files } from '../../files.ts'
import { resourcesOf } from './multistatus.ts'
import { webdav } from './webdav.ts'

const MIB = 2 ** 20

async function worldOf({ options, files }: WebdavServer): Promise<World> {
  return {
    adapter: () => webdav(options),
    read: (key) => readFile(join(files, key)).catch(() => undefined),
    openSessions: async () => (await readdir(files)).filter((name) => name.endsWith('.pawl-part')).length,
    partSize: MIB,
  }
}

const CALLS: Readonly<Record<string, Call>> = { PROPFIND: 'probe', MOVE: 'finish', DELETE: 'discard' }

/** Behind a road with faults, and tokens that expire. */
async function onARoad(server: WebdavServer): Promise<EmulatedWorld> {
  const { url, user, password } = server.options
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const accepted = tokens()
  const front = await startFront(url, {
    callOf: ({ method, headers }) => {
      const [, size] = /\/(\d+)$/.exec(String(headers['content-range'] ?? '')) ?? []
      // Whether it patches is tried with bodies of a few bytes.
      if (method === 'PUT')
        return Number(size) > 100 ? 'send' : headers['content-length'] === '4' ? 'begin' : 'other'
      return CALLS[method] ?? 'other'
    },
    refusal: (status) => ({ status }),
    rules: ({ url: { pathname }, headers: { authorization, destination } }) => {
      if (!accepted.accepts(authorization)) throw new Refused({ status: 401 })
      const to = destination === undefined ? {} : { destination: url + new URL(String(destination)).pathname }
      return { path: pathname, headers: { authorization: basic, host: new URL(url).host, ...to } }
    },
  })
  return {
    ...(await worldOf(server)),
    emulator: front,
    adapter: () => webdav({ url: front.endpoint, token: () => accepted.current }),
    expireCredential: () => accepted.expire(),
    expireSessions: async () => {
      const parts = (await readdir(server.files)).filter((name) => name.endsWith('.pawl-part'))
      await Promise.all(parts.map((name) => rm(join(server.files, name))))
    },
    unproved: true,
    partSize: MIB / 4,
    close: front.close,
  }
}

/** Does it write a part of a file where it belongs? */
const servers: readonly (readonly [name: WebdavServerName, patches: boolean])[] = [
  ['apache', true],
  ['nginx', false],
  ['rclone', false],
]

for (const [name, patches] of servers) {
  describe.runIf(await hasWebdav(name))(`webdav on ${name}`, () => {
    let server: WebdavServer
    beforeAll(async () => {
      server = await startWebdav(name)
    })
    afterAll(() => server?.close())
    if (patches) scenarios('webdav', () => worldOf(server))
    if (patches) providerFaults('webdav on a bad road', () => onARoad(server))
    // It asks for none.
    if (name !== 'nginx') {
      it('is refused with a wrong password, which nobody gets to see', async () => {
        const options = { ...server.options, user: 'tester', password: 'hush-hush' }
        const files = new Files({ adapter: webdav(options), retries: 0 })
        const error = await files.upload('x', 'x').catch((error: unknown) => error)
        expect(error).toMatchObject({ code: 'Unauthorized' })
        expect(inspect(error, { depth: 9 })).not.toContain('hush-hush')
        expect(() => webdav({ url: 'http://a:hush-hush@127.0.0.1/' })).toThrow(/do not belong into the URL/)
      })
    }
    operations('webdav', () => worldOf(server))

    it('sends a body in one piece unless the server is proven to patch, and never loses what is there', async () => {
      const body = randomBytes(3 * MIB)
      const wire = wireOf(webdav(server.options))
      wire.fault = (call, index) => (call === 'send' && index === 0 ? 'cut in the middle' : undefined)
      const files = new Files({ adapter: wire.adapter, retries: { max: 3, backoff: () => 1 } })
      await files.upload('piece.bin', body, { multipart: { partSize: MIB } })
      expect(same(await readFile(join(server.files, 'piece.bin')), body)).toBe(true)
      expect(wire.acknowledged.length > 1).toBe(patches)
      expect((await readdir(server.files)).filter((file) => file.endsWith('.pawl-part'))).toEqual([])
    })

    it('never leaves its folder', async () => {
      const files = new Files({ adapter: webdav(server.options) })
      for (const key of ['../x', 'a/../../x', '/etc/x', 'a//b', 'a\nb', './a', 'a.pawl-part', 'a\ud800'])
        await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
      for (const key of ['../x', '/etc/x', './a'])
        await expect(files.head(key)).rejects.toMatchObject({ code: 'InvalidKey' })
    })

    it('goes on from what is right, and takes no other file for its own', async () => {
      const body = randomBytes(4 * MIB)
      const stop = new AbortController()
      const control = new UploadControl()
      const wire = wireOf(webdav(server.options))
      wire.before = (call, index) => {
        if (call === 'send' && index === (patches ? 2 : 0)) stop.abort()
      }
      const multipart = { partSize: MIB }
      const stopped = new Files({ adapter: wire.adapter }).upload('torn.bin', body, {
        control,
        multipart,
        signal: stop.signal,
      })
      await expect(stopped).rejects.toMatchObject({ aborted: true })
      const token = JSON.parse(JSON.stringify(control))
      expect(JSON.stringify(token)).not.toContain('testing')
      const part = join(server.files, `${token.session.id}.pawl-part`)
      const held = patches ? await readFile(part) : Buffer.from(body.subarray(0, 2 * MIB))
      held.fill(0, held.length - 1000, held.length - 10)
      await writeFile(part, held)
      const seen: number[] = []
      const files = new Files({ adapter: webdav(server.options) })
      await files.upload('torn.bin', body, {
        control: UploadControl.from(token),
        onProgress: ({ loaded }) => seen.push(loaded),
      })
      expect(seen[0]).toBe(patches ? held.length - 1000 : 0)
      expect(same(await readFile(join(server.files, 'torn.bin')), body)).toBe(true)

      await rm(part, { force: true })
      await rm(join(server.files, 'torn.bin'))
      await writeFile(join(server.files, 'torn.bin'), randomBytes(4 * MIB, 2))
      await expect(
        files.upload('torn.bin', body, { control: UploadControl.from(token) }),
      ).rejects.toMatchObject({ code: 'SessionGone' })
    })
  })
}

it('reads answers whatever their namespaces are called', () => {
  const xml = `<?xml version="1.0"?><multistatus xmlns="DAV:"><response><href>http://host/a%20b/&amp;c/</href>
    <propstat><prop><resourcetype><collection/></resourcetype><getcontentlength/></prop></propstat></response>
    <x:response xmlns:x="DAV:"><x:href> /%C3%BC </x:href><x:propstat><x:prop><x:resourcetype/>
    <x:getcontentlength a="/">7</x:getcontentlength><x:getetag>&quot;&#233;&#xe9;&#x110000;"</x:getetag></x:prop></x:propstat></x:response>
    <response><href>/%zz</href></response></multistatus>`
  expect(resourcesOf(xml)).toMatchObject([
    { path: '/a b/&c', isFolder: true, size: 0, etag: undefined },
    { path: '/ü', isFolder: false, size: 7, etag: '"éé&#x110000;"' },
  ])
})
