/**
 * What every adapter has to live through whose provider takes a file in one request. No test knows which provider it
 * runs on.
 */
import type { Emulator, Fault } from '@pawl/emulators/listen'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Adapter } from '../src/adapter.ts'
import { UploadControl } from '../src/control.ts'
import { FilesError } from '../src/errors.ts'
import { Files } from '../src/files.ts'
import type { UploadOptions } from '../src/options.ts'
import type { SessionStore } from '../src/stores/session-store.ts'
import type { Retry } from '../src/transfer/retry.ts'
import { randomBytes, same } from './bodies.ts'

export interface WholeWorld {
  adapter(): Adapter
  read(key: string): Promise<Uint8Array | undefined>
  readonly emulator: Emulator
  /** The credential that was right is refused from now on; `adapter()` can get the next one. */
  readonly expireCredential?: () => void
  /** Whether the provider tells a digest of what it holds, or compares one. */
  readonly comparesDigest: boolean
  close(): Promise<void>
}

const SIZE = 3 * 2 ** 20 + 17
const FAULTS: readonly (Fault & (string | object))[] = [
  'lost answer',
  'partial write',
  'page',
  { status: 429, retryAfter: 1 },
  { status: 500 },
  { status: 503 },
]

export function wholeScenarios(name: string, open: () => Promise<WholeWorld>): void {
  describe(`${name}: an upload in one request`, () => {
    let world: WholeWorld
    const body = randomBytes(SIZE, 5)
    let count = 0
    beforeAll(async () => {
      world = await open()
    })
    afterEach(() => {
      world.emulator.inject = () => undefined
      world.emulator.bytesPerSecond = undefined
    })
    afterAll(() => world?.close())

    function start(options: UploadOptions = {}) {
      const key = `whole-${count++}.bin`
      const retries: Retry[] = []
      const hooks = { onRetry: (retry: Retry) => retries.push(retry) }
      const files = new Files({ adapter: world.adapter(), hooks, retries: { max: 4, backoff: () => 1 } })
      return {
        key,
        retries,
        upload: () => files.upload(key, body, options),
        arrived: async () => same(await world.read(key), body),
      }
    }
    function once(fault: () => Fault | undefined): () => number {
      let hits = 0
      world.emulator.inject = (call) => (call === 'send' && hits++ === 0 ? fault() : undefined)
      return () => hits
    }

    it('refuses a control and a store for tokens before it makes a request or reads the body', async () => {
      const adapter = world.adapter()
      const files = new Files({ adapter })
      expect(files.capabilities).toMatchObject({ multipart: false, resumable: false })
      const before = world.emulator.requests.length
      const unread = new ReadableStream(
        {
          pull: () => {
            throw new Error('the body was read')
          },
        },
        { highWaterMark: 0 },
      )
      const store: SessionStore = {
        get: async () => undefined,
        set: async () => {},
        delete: async () => {},
        list: async () => [],
      }
      const control = new UploadControl()
      for (const options of [{ control }, { resume: store }]) {
        const refused = files.upload('refused', unread, options)
        await expect(refused).rejects.toMatchObject({ code: 'NotSupported', retryable: false })
        await expect(refused).rejects.toThrow(`${adapter.name} takes a file in one request`)
      }
      expect(control.status).toBe('idle')
      expect(world.emulator.requests.length).toBe(before)
      expect(await world.read('refused')).toBeUndefined()
    })

    it.each([0, 1, SIZE])('of %d bytes arrives', async (size) => {
      const files = new Files({ adapter: world.adapter() })
      const key = `size-${size}.bin`
      const result = await files.upload(key, body.slice(0, size))
      expect(result).toMatchObject({ key, size })
      expect(same(await world.read(key), body.subarray(0, size))).toBe(true)
    })

    it('under a key beyond ASCII arrives, and overwrites what was there', async () => {
      const files = new Files({ adapter: world.adapter() })
      const key = 'whole/ü 日本語 &+#?.bin'
      await files.upload(key, 'before')
      await files.upload(key, body)
      expect(same(await world.read(key), body)).toBe(true)
    })

    for (const fault of FAULTS) {
      const what = typeof fault === 'string' ? `a ${fault}` : `an answer ${fault.status}`
      it(`arrives whole after ${what}`, async () => {
        const hits = once(() => fault)
        const { retries, upload, arrived } = start()
        await upload()
        expect(await arrived()).toBe(true)
        expect([hits(), retries.length]).toEqual([2, 1])
        if (typeof fault === 'object' && fault.retryAfter !== undefined)
          expect(retries[0]?.delayMs).toBeGreaterThanOrEqual(fault.retryAfter * 1000)
      })
    }

    it('goes on with new credentials when the old ones expire, without counting a retry', async () => {
      const { expireCredential } = world
      if (!expireCredential) return
      const { upload, arrived } = start({ retries: 0 })
      await upload()
      expireCredential()
      await upload()
      expect(await arrived()).toBe(true)
    })

    it('whose bytes were damaged on the way is never called complete, where the provider knows a digest', async () => {
      once(() => 'damage')
      const { upload, arrived } = start()
      const outcome = await upload().catch((error: unknown) => error)
      expect(outcome instanceof FilesError || (await arrived())).toBe(world.comparesDigest)
    })

    it('shows progress that only grows, on a slow line too', async () => {
      world.emulator.bytesPerSecond = SIZE
      const sent: number[] = []
      const { retries, upload, arrived } = start({ onProgress: (progress) => sent.push(progress.sent) })
      await upload()
      expect(retries).toEqual([])
      expect(await arrived()).toBe(true)
      expect(sent).toEqual([...sent].sort((a, b) => a - b))
      expect(sent.at(-1)).toBe(SIZE)
    })

    it('is stopped by a signal, and leaves nothing that counts as the file', async () => {
      const stop = new AbortController()
      once(() => {
        stop.abort()
        return 'partial write'
      })
      const { key, upload } = start({ signal: stop.signal })
      await expect(upload()).rejects.toMatchObject({ aborted: true })
      expect(await world.read(key)).toBeUndefined()
    })

    it('overwrites only what it may, also when the answer is lost', async () => {
      const files = new Files({ adapter: world.adapter(), retries: { max: 2, backoff: () => 1 } })
      if (!files.capabilities.conditional.create) return
      const hits = once(() => 'lost answer')
      const first = await files.upload('conditional', 'one', { condition: { type: 'create' } })
      expect(hits()).toBeGreaterThan(0)
      const { etag = '' } = first
      await files.upload('conditional', 'two', { condition: { type: 'replace', etag } })
      for (const condition of [{ type: 'create' }, { type: 'replace', etag }] as const)
        await expect(files.upload('conditional', 'three', { condition })).rejects.toMatchObject({
          code: 'Conflict',
        })
      expect(Buffer.from((await world.read('conditional')) ?? []).toString()).toBe('two')
    })
  })
}
