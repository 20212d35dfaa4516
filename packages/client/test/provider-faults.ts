/**
 * Faults of the provider and of the road to it, made by its emulator. No test knows which provider it runs on.
 * What is broken here is HTTP; `scenarios.ts` breaks the driver's calls.
 */
import type { Call, Emulator, Fault } from '@pawl/emulators/listen'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { UploadControl } from '../src/control.ts'
import { FilesError } from '../src/errors.ts'
import { Files } from '../src/files.ts'
import type { UploadOptions } from '../src/options.ts'
import type { Retry } from '../src/transfer/retry.ts'
import { randomBytes, same } from './bodies.ts'
import type { World } from './scenarios.ts'

export interface EmulatedWorld extends World {
  readonly emulator: Emulator
  /** The credential that was right is refused from now on; `adapter()` can get the next one. */
  expireCredential(): void
  /** Every unfinished session ends as if its time were over. */
  expireSessions(): void | Promise<void>
  /** It neither checks what it gets nor reports a digest: damage on the way is for TLS to prevent. */
  readonly unproved?: true
  /** Nothing is asked for to begin an upload, so there is nothing that could be over: what was dropped is sent again. */
  readonly sessionless?: true
}

type Promised<T> = T | Promise<T>

const FAULTS: readonly Fault[] = [
  'lost answer',
  'partial write',
  { status: 429, retryAfter: 1 },
  { status: 500 },
  { status: 503 },
]

export function providerFaults(name: string, open: () => Promise<EmulatedWorld>): void {
  describe(`${name}: an upload`, () => {
    let world: EmulatedWorld
    let body: Uint8Array<ArrayBuffer>
    let count = 0
    beforeAll(async () => {
      world = await open()
      body = randomBytes(Math.floor(world.partSize * 3.5), 3)
    })
    afterEach(() => {
      world.emulator.inject = () => undefined
      world.emulator.bytesPerSecond = undefined
    })
    afterAll(() => world.close?.())

    function start(options: UploadOptions = {}) {
      const key = `fault-${count++}.bin`
      const retries: Retry[] = []
      const hooks = { onRetry: (retry: Retry) => retries.push(retry) }
      const files = new Files({ adapter: world.adapter(), hooks, retries: { max: 4, backoff: () => 1 } })
      const multipart = { partSize: world.partSize, concurrency: 2 }
      const upload = () => files.upload(key, body, { multipart, ...options })
      const arrived = async (url: string | undefined) => same(await world.read(key, url), body)
      return { key, retries, upload, arrived }
    }
    /** Does something to the n-th request of a kind from now on. */
    function at(call: Call, index: number, act: () => Promised<Fault | undefined>): () => number {
      let seen = 0
      let hit = 0
      world.emulator.inject = (now) => {
        if (now !== call || seen++ !== index) return undefined
        hit++
        return act()
      }
      return () => hit
    }

    for (const call of ['begin', 'send'] as const) {
      for (const fault of FAULTS) {
        const what = typeof fault === 'string' ? `a ${fault}` : `an answer ${fault.status}`
        it(`arrives whole after ${what} to "${call}"`, async () => {
          const hits = at(call, call === 'send' ? 1 : 0, () => fault)
          const { retries, upload, arrived } = start()
          const { url } = await upload()
          expect(await arrived(url)).toBe(true)
          const count = world.sessionless && call === 'begin' ? 0 : 1
          expect([hits(), retries.length]).toEqual([count, count])
          if (count > 0 && typeof fault === 'object' && fault.retryAfter !== undefined)
            expect(retries[0]?.delayMs).toBeGreaterThanOrEqual(fault.retryAfter * 1000)
        })
      }
    }

    it('arrives whole when the answer that completes it is lost', async () => {
      let sent = 0
      world.emulator.inject = (call) => {
        if (call === 'send') sent++
        return undefined
      }
      await start().upload()
      const sends = sent
      const { upload, arrived } = start()
      let last: Call = 'other'
      let lost = 0
      // Whatever request completes: the one after which nothing is open any more.
      sent = 0
      world.emulator.inject = (call) => {
        if (call === 'send') sent++
        const completes = call === 'finish' || (call === 'send' && sent === sends && last !== 'finish')
        last = call
        return completes && lost++ === 0 ? 'lost answer' : undefined
      }
      const { url } = await upload()
      expect(lost).toBeGreaterThanOrEqual(1)
      expect(await arrived(url)).toBe(true)
    })

    it('that arrived is copied, moved and deleted whatever answer to that is lost', async () => {
      const files = new Files({ adapter: world.adapter(), retries: { max: 1, backoff: () => 1 } })
      const { copy, move, delete: remove, head } = files.capabilities
      if (!head || !remove) return
      for (const kind of ['copy', 'move', 'delete'] as const) {
        if ((kind === 'copy' && !copy) || (kind === 'move' && !move)) continue
        let asked = 1
        for (let lost = 0; lost < asked; lost++) {
          const [from, to] = [`${kind}-${count++}.txt`, `to-${count++}.txt`]
          await files.upload(from, 'content')
          asked = 0
          world.emulator.inject = () => (asked++ === lost ? 'lost answer' : undefined)
          if (kind === 'delete') await files.delete(from)
          else await files[kind](from, to)
          world.emulator.inject = () => undefined
          const { existing } = await files.exists([from, to])
          expect(existing).toEqual({ copy: [from, to], move: [to], delete: [] }[kind])
          if (kind !== 'delete') expect((await files.head(to)).size).toBe('content'.length)
        }
      }
    })

    it('is not called complete because something in between answered with a page of its own', async () => {
      let asked = 1
      for (let index = 0; index < asked; index++) {
        asked = 0
        world.emulator.inject = () => (asked++ === index ? 'page' : undefined)
        const { upload, arrived } = start()
        const outcome = await upload().catch((error: unknown) => FilesError.wrap(error))
        world.emulator.inject = () => undefined
        const whole = outcome instanceof FilesError || (await arrived(outcome.url))
        expect([index, whole]).toEqual([index, true])
      }
    })

    it('goes on with new credentials when the old ones expire, before it begins and while it sends', async () => {
      for (const call of ['begin', 'send'] as const) {
        const { upload, arrived } = start({ retries: 0 })
        const hits = at(call, call === 'send' ? 1 : 0, () => {
          world.expireCredential()
          return undefined
        })
        const { url } = await upload()
        expect(hits()).toBe(world.sessionless && call === 'begin' ? 0 : 1)
        expect(await arrived(url)).toBe(true)
      }
    })

    it('whose session expires says so, and keeps no bytes; without a session it sends them again', async () => {
      const { key, upload, arrived } = start()
      at('send', 2, async () => {
        await world.expireSessions()
        return undefined
      })
      if (world.sessionless) {
        const { url } = await upload()
        expect(await arrived(url)).toBe(true)
        return
      }
      await expect(upload()).rejects.toMatchObject({ code: 'SessionGone' })
      expect(await world.read(key, undefined)).toBeUndefined()
    })

    it('on a slow line is not taken for a silent one', async () => {
      // All of it takes longer than the time-out, a piece of it is far from that.
      world.emulator.bytesPerSecond = world.partSize * 2
      const multipart = { partSize: world.partSize, concurrency: 1 }
      const { retries, upload, arrived } = start({ timeout: 1500, multipart })
      const { url } = await upload()
      expect(retries).toEqual([])
      expect(await arrived(url)).toBe(true)
    })

    it('whose bytes were damaged on the way is never called complete, or nothing is claimed of them', async () => {
      const hits = at('send', 1, () => 'damage')
      const { upload, arrived } = start({ verify: 'full' })
      const outcome = await upload().catch((error: unknown) => FilesError.wrap(error))
      expect(hits()).toBe(1)
      if (world.unproved) expect(outcome).not.toHaveProperty('digest')
      else if (outcome instanceof FilesError) expect(outcome.code).toBe('Corrupted')
      else expect(await arrived(outcome.url)).toBe(true)
    })

    it('that is aborted as its last byte arrives is kept and told, or leaves no object', async () => {
      const control = new UploadControl()
      const { upload, arrived, key } = start({
        control,
        onProgress: ({ loaded, total }) => loaded === total && control.abort().catch(() => {}),
      })
      const outcome = await upload().catch((error: unknown) => FilesError.wrap(error))
      if (outcome instanceof FilesError) expect(await world.read(key, undefined)).toBeUndefined()
      else expect(await arrived(outcome.url)).toBe(true)
      expect(control.status).toBe(outcome instanceof FilesError ? 'aborted' : 'completed')
    })

    it('is discarded by an abort, so that the provider keeps nothing of it', async () => {
      const before = await world.openSessions()
      const control = new UploadControl()
      const { key, upload } = start({ control })
      let gone: Promise<void> | undefined
      at('send', 2, () => {
        gone = control.abort()
        return undefined
      })
      await expect(upload()).rejects.toMatchObject({ aborted: true })
      await gone
      expect(await world.openSessions()).toBe(world.keepsAborted ? before + 1 : before)
      expect(await world.read(key, undefined)).toBeUndefined()
    })
  })
}
