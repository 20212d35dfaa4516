import { hasCeph, startCeph } from '@pawl/emulators/ceph'
import { Refused, type Reply } from '@pawl/emulators/listen'
import type { S3Server } from '@pawl/emulators/s3-server'
import { hasSwift, startSwift } from '@pawl/emulators/swift'
import { tokens } from '@pawl/emulators/tokens'
import { afterAll, beforeAll, describe } from 'vitest'
import { operations } from '../../../test/operations.ts'
import { type EmulatedWorld, providerFaults } from '../../../test/provider-faults.ts'
import { pages } from '../../../test/s3/browser.ts'
import { conditions } from '../../../test/s3/conditions.ts'
import { copies } from '../../../test/s3/copies.ts'
import { forms } from '../../../test/s3/forms.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { startFront } from '../../../test/servers/front.ts'
import { FilesError } from '../../errors.ts'
import { s3 } from './s3.ts'
import { signer } from './sigv4.ts'
import { elements, text } from './xml.ts'

const quiet = { signal: new AbortController().signal, touch: () => {} }

async function worldOf(server: S3Server, bucket: string, conditions: boolean): Promise<World> {
  const adapter = () => s3({ bucket, conditions, ...server })
  const { raw } = adapter()
  await raw.expect('making the bucket', { method: 'PUT' }, quiet)
  return {
    adapter,
    read: async (key) => {
      try {
        const file = await adapter().download?.(key, undefined, quiet)
        return file && new Uint8Array(await file.arrayBuffer())
      } catch (error) {
        if (error instanceof FilesError && error.code === 'NotFound') return undefined
        throw error
      }
    },
    openSessions: async () => {
      const answer = await raw.expect('listing uploads', { method: 'GET', query: { uploads: '' } }, quiet)
      return elements(await answer.text(), 'Upload').length
    },
    partSize: 5 * 2 ** 20,
  }
}

/** Headers that a request keeps when it is signed anew. */
const KEPT = /^(?:x-amz-(?!date)|content-(?:type|md5|encoding)|cache-control|if-|range)/

/**
 * Behind a road with faults, and keys of its own that expire: what passes is signed anew for the server. Its parts
 * are checked by nobody here, see s3-emulated.test.ts.
 */
async function onARoad(server: S3Server, conditions: boolean): Promise<EmulatedWorld> {
  const bucket = 'road'
  const world = await worldOf(server, bucket, conditions)
  const { raw } = s3({ bucket, ...server })
  const accepted = tokens()
  const { sign } = signer(async () => server.credentials, 'us-east-1')
  const front = await startFront(server.endpoint, {
    callOf: ({ method, url }) => {
      const query = url.searchParams
      if (method === 'POST') return query.has('uploads') ? 'begin' : 'finish'
      if (query.has('uploadId')) return method === 'PUT' ? 'send' : method === 'GET' ? 'probe' : 'discard'
      return 'other'
    },
    refusal: (status) => refusal(status, status === 500 ? 'InternalError' : 'SlowDown'),
    rules: async ({ method, url, headers }) => {
      if (!headers.authorization?.includes(`Credential=${accepted.current}/`))
        throw new Refused(refusal(400, 'ExpiredToken'))
      const path = url.pathname + url.search
      const kept = Object.entries(headers).filter(([name]) => KEPT.test(name))
      const signed = await sign({
        method: method as 'GET',
        url: server.endpoint + path,
        headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
      })
      return { path, headers: { ...signed.headers, host: new URL(server.endpoint).host } }
    },
  })
  return {
    ...world,
    emulator: front,
    adapter: () =>
      s3({
        bucket,
        conditions,
        endpoint: front.endpoint,
        credentials: async () => ({ accessKeyId: accepted.current, secretAccessKey: 'secret' }),
      }),
    expireCredential: () => accepted.expire(),
    expireSessions: async () => {
      const answer = await raw.expect('listing uploads', { method: 'GET', query: { uploads: '' } }, quiet)
      for (const upload of elements(await answer.text(), 'Upload')) {
        const query = { uploadId: text(upload, 'UploadId') ?? '' }
        await raw.send({ method: 'DELETE', key: text(upload, 'Key') ?? '', query }, quiet)
      }
    },
    unproved: true,
    close: front.close,
  }
}

function refusal(status: number, code: string): Reply {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>not now</Message></Error>`
  return { status, headers: { 'content-type': 'application/xml' }, body }
}

function suite(name: string, start: () => Promise<S3Server>, honoured: boolean): void {
  describe(`on ${name}`, () => {
    let server: S3Server
    beforeAll(async () => {
      server = await start()
    }, 240_000)
    afterAll(() => server?.close())
    scenarios(`s3 on ${name}`, () => worldOf(server, 'scenarios', honoured))
    operations(`s3 on ${name}`, () => worldOf(server, 'operations', honoured))
    if (name === 'Ceph' || process.env.PAWL_FULL === '1')
      providerFaults(`s3 on ${name} on a bad road`, () => onARoad(server, honoured))
    describe('a copy', () => copies(() => server))
    // Swift has none of these.
    if (name !== 'Ceph') return
    describe('conditions of parts', () => conditions(() => server))
    describe('a signed form', () => forms(() => server))
    describe('a page', () => pages(() => server))
  })
}

if (await hasCeph()) suite('Ceph', startCeph, true)
if (await hasSwift()) suite('Swift', startSwift, false)
