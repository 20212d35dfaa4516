import { hasCeph, startCeph } from '@pawl/emulators/ceph'
import type { S3Server } from '@pawl/emulators/s3-server'
import { hasSwift, startSwift } from '@pawl/emulators/swift'
import { afterAll, beforeAll, describe } from 'vitest'
import { operations } from '../../../test/operations.ts'
import { pages } from '../../../test/s3/browser.ts'
import { conditions } from '../../../test/s3/conditions.ts'
import { copies } from '../../../test/s3/copies.ts'
import { forms } from '../../../test/s3/forms.ts'
import { scenarios, type World } from '../../../test/scenarios.ts'
import { FilesError } from '../../errors.ts'
import { s3 } from './s3.ts'
import { elements } from './xml.ts'

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

function suite(name: string, start: () => Promise<S3Server>, honoured: boolean): void {
  describe(`on ${name}`, () => {
    let server: S3Server
    beforeAll(async () => {
      server = await start()
    }, 240_000)
    afterAll(() => server?.close())
    scenarios(`s3 on ${name}`, () => worldOf(server, 'scenarios', honoured))
    operations(`s3 on ${name}`, () => worldOf(server, 'operations', honoured))
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
