/** What every adapter's other operations have to do; what a provider lacks must be said, not faked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FilesError } from '../src/errors.ts'
import type { Capabilities } from '../src/files/capabilities.ts'
import { Files } from '../src/files.ts'
import type { World } from './scenarios.ts'

export function operations(name: string, open: () => Promise<World>): void {
  describe(`${name}: files`, () => {
    let world: World
    let files: Files
    let can: Capabilities

    beforeAll(async () => {
      world = await open()
      files = new Files({ adapter: world.adapter(), prefix: 'ops', retries: 1 })
      can = files.capabilities
      for (const key of ['a/1.txt', 'a/2.txt', 'b/ü &+?.txt', 'top.txt']) {
        await files.upload(key, `content of ${key}`, { contentType: 'text/plain' })
      }
    })
    afterAll(() => world?.close?.())

    /** Runs the check where the provider can; elsewhere it must refuse. */
    const where = async (able: boolean, call: () => Promise<unknown>, check: () => Promise<void>) => {
      if (able) return check()
      await expect(call()).rejects.toMatchObject({ code: 'NotSupported' })
    }

    it('downloads what was uploaded, whole and by range', async () => {
      await where(
        can.download,
        () => files.download('top.txt'),
        async () => {
          const file = await files.download('top.txt')
          expect(await file.text()).toBe('content of top.txt')
          expect(file).toMatchObject({ key: 'top.txt', name: 'top.txt', size: 18 })
          const ranged = () => files.download('top.txt', { range: { start: 11, end: 13 } })
          await where(can.rangeRead, ranged, async () => {
            const part = await ranged()
            expect(part.size).toBe(3)
            expect(await part.text()).toBe('top')
            expect(await (await files.download('top.txt', { range: { start: 11 } })).text()).toBe('top.txt')
          })
          expect(await (await files.download('b/ü &+?.txt')).text()).toBe('content of b/ü &+?.txt')
        },
      )
    })

    it('tells size, type and existence without the content', async () => {
      await where(
        can.head,
        () => files.head('top.txt'),
        async () => {
          expect(await files.head('top.txt')).toMatchObject({ key: 'top.txt', size: 18 })
          expect(await files.exists('top.txt')).toBe(true)
          expect(await files.exists('nothing.txt')).toBe(false)
          await expect(files.head('nothing.txt')).rejects.toMatchObject({ code: 'NotFound' })
          expect(await files.exists(['top.txt', 'nothing.txt'])).toEqual({
            existing: ['top.txt'],
            missing: ['nothing.txt'],
          })
        },
      )
    })

    it('lists by prefix, by page and by folder', async () => {
      await where(
        can.list,
        () => files.list(),
        async () => {
          const keys = async (options: object) => {
            const found: string[] = []
            for await (const file of files.listAll(options)) found.push(file.key)
            return found
          }
          expect(await keys({ limit: 1 })).toEqual(['a/1.txt', 'a/2.txt', 'b/ü &+?.txt', 'top.txt'])
          expect(await keys({ prefix: 'a/' })).toEqual(['a/1.txt', 'a/2.txt'])
          const folders = () => files.list({ delimiter: '/' })
          await where(can.delimiter, folders, async () => {
            const page = await folders()
            expect(page.items.map((file) => file.key)).toEqual(['top.txt'])
            expect(page.prefixes).toEqual(['a/', 'b/'])
          })
        },
      )
    })

    it('copies, moves and deletes', async () => {
      await where(
        can.copy,
        () => files.copy('top.txt', 'copy.txt'),
        async () => {
          await files.copy('top.txt', 'copies/copy ö.txt')
          expect(await (await files.download('copies/copy ö.txt')).text()).toBe('content of top.txt')
        },
      )
      await where(
        can.move,
        () => files.move('top.txt', 'moved.txt'),
        async () => {
          await files.upload('move me.txt', 'moving')
          await files.move('move me.txt', 'moved/there.txt')
          expect(await files.exists('move me.txt')).toBe(false)
          expect(await (await files.download('moved/there.txt')).text()).toBe('moving')
        },
      )
      await where(
        can.delete,
        () => files.delete('top.txt'),
        async () => {
          await files.upload('gone.txt', 'x')
          await files.delete('gone.txt')
          expect(await files.exists('gone.txt')).toBe(false)
          await files.delete('gone.txt')
        },
      )
    })

    it('gives a URL to read from, and a request to upload with', async () => {
      await where(
        can.url,
        () => files.url('b/ü &+?.txt'),
        async () => {
          const url = await files.url('b/ü &+?.txt', { expiresIn: 60 })
          // A file: URL is for the same machine; the others are for anyone.
          const response = url.startsWith('file:') ? undefined : await fetch(url)
          expect(response === undefined || (await response.text())).toBe(
            response === undefined || 'content of b/ü &+?.txt',
          )
        },
      )
      await where(
        can.signedUploadUrl,
        () => files.signedUploadUrl('signed.txt', { expiresIn: 60 }),
        async () => {
          const signed = await files.signedUploadUrl('signed.txt', {
            expiresIn: 60,
            contentType: 'text/plain',
          })
          const headers = signed.method === 'PUT' ? (signed.headers ?? {}) : {}
          const response = await fetch(signed.url, { method: signed.method, headers, body: 'signed' })
          expect(response.status).toBeLessThan(300)
          expect(await (await files.download('signed.txt')).text()).toBe('signed')
        },
      )
    })

    it('leaves alone what lies below a key, whatever is done to that key', async () => {
      if (!can.head || !can.delete) return
      await files.upload('tree/leaf.txt', 'leaf')
      await files.upload('other.txt', 'other')
      const acts = [
        ...(world.deletesBelow ? [] : [() => files.delete('tree')]),
        () => files.upload('tree', 'file'),
        ...(can.copy ? [() => files.copy('other.txt', 'tree')] : []),
        ...(can.move ? [() => files.move('other.txt', 'tree')] : []),
      ]
      for (const act of acts) {
        // Where there are folders a file cannot have the name of one.
        await act().catch((error: unknown) => expect(error).toBeInstanceOf(FilesError))
        expect(await files.exists('tree/leaf.txt')).toBe(true)
      }
    })

    it('keeps a content type and metadata, or says that it cannot', async () => {
      const upload = () =>
        files.upload('meta.txt', 'x', { contentType: 'text/markdown', metadata: { who: 'me' } })
      await where(can.metadata, upload, async () => {
        await upload()
        await where(
          can.head,
          () => files.head('meta.txt'),
          async () => {
            expect(await files.head('meta.txt')).toMatchObject({
              type: 'text/markdown',
              metadata: { who: 'me' },
            })
          },
        )
      })
    })

    it('overwrites nothing on condition, or says that it cannot', async () => {
      const upload = () => files.upload('once.txt', 'x', { condition: { type: 'create' } })
      await where(can.conditional.create, upload, async () => {
        await upload()
        await expect(upload()).rejects.toMatchObject({ code: 'Conflict' })
      })
    })
  })
}
