/** What every adapter has to live through. No scenario knows which provider it runs on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Adapter } from '../src/adapter.ts'
import { UploadControl } from '../src/control.ts'
import { FilesError } from '../src/errors.ts'
import { Files } from '../src/files.ts'
import type { UploadOptions } from '../src/options.ts'
import { randomBytes, same, seeded } from './bodies.ts'
import { type Fault, wireOf } from './faults.ts'

export interface World {
  /** A new adapter over the same provider, as another process would make it. */
  adapter(): Adapter
  /** What the provider holds under a key. `url` is what the upload resolved to, if anything. */
  read(key: string, url: string | undefined): Promise<Uint8Array | undefined>
  /** How many unfinished uploads the provider holds. */
  openSessions(): Promise<number>
  /** What was given up stays there for a while: nothing can give it up, the provider drops it by itself. */
  readonly keepsAborted?: true
  /** Its stand-in takes what lies below a key with it, where the service has no folders. */
  readonly deletesBelow?: true
  /** A part or chunk size that the provider accepts; bodies are a few of it. */
  readonly partSize: number
  close?(): Promise<void>
}

const noWait = { max: 8, backoff: () => 1 }

export function scenarios(name: string, open: () => Promise<World>): void {
  describe(`${name}: an upload`, () => {
    let world: World
    let body: Uint8Array<ArrayBuffer>
    let part: number
    let count = 0
    const nextKey = () => `scenario-${count++}.bin`

    beforeAll(async () => {
      world = await open()
      part = world.partSize
      body = randomBytes(Math.floor(part * 5.5))
    })
    afterAll(() => world?.close?.())

    function start(options: { control?: UploadControl; body?: Uint8Array<ArrayBuffer>; key?: string } = {}) {
      const wire = wireOf(world.adapter())
      const files = new Files({ adapter: wire.adapter, retries: noWait })
      const control = options.control ?? new UploadControl()
      const key = options.key ?? nextKey()
      const upload = (more: UploadOptions = {}) => {
        const done = files.upload(key, options.body ?? body, {
          control,
          multipart: { partSize: part, concurrency: 2 },
          ...more,
        })
        done.catch(() => {}) // looked at later by the test
        return done
      }
      return { wire, control, key, upload }
    }
    const holds = async (key: string, url: string | undefined) => same(await world.read(key, url), body)

    it('arrives byte for byte, is told once, and leaves no session behind', async () => {
      const { control, key, upload } = start()
      const before = await world.openSessions()
      const statuses: string[] = []
      control.addEventListener('status', () => statuses.push(control.status))
      const result = await upload()
      expect(result).toMatchObject({ key, size: body.length })
      expect(await holds(key, result.url)).toBe(true)
      expect(statuses).toEqual(['uploading', 'completed'])
      expect(control).toMatchObject({ status: 'completed', loaded: body.length, sent: body.length })
      expect(control.toJSON()).toBeUndefined()
      expect(await world.openSessions()).toBe(before)
    })

    it('of nothing at all arrives, or is refused before anything is sent', async () => {
      const { wire, key, upload } = start({ body: new Uint8Array() })
      if ((wire.adapter.traits.minSize ?? 0) > 0) {
        await expect(upload()).rejects.toMatchObject({ code: 'NotSupported' })
        expect(wire.calls).toEqual([])
        return
      }
      const result = await upload()
      expect(result.size).toBe(0)
      expect((await world.read(key, result.url))?.length).toBe(0)
    })

    it('of one byte arrives', async () => {
      const { key, upload } = start({ body: new Uint8Array([7]) })
      const result = await upload()
      expect([...((await world.read(key, result.url)) ?? [])]).toEqual([7])
    })

    it('of exactly one part, and of one byte more, arrives', async () => {
      for (const size of [part, part + 1]) {
        const { key, upload } = start({ body: body.slice(0, size) })
        const result = await upload()
        expect(same(await world.read(key, result.url), body.subarray(0, size))).toBe(true)
      }
    })

    it('under a key beyond ASCII arrives', async () => {
      const key = 'scenario/ü 日本語 &+%20#?.bin'
      const { upload } = start({ key })
      const result = await upload()
      expect(result.key).toBe(key)
      expect(await holds(key, result.url)).toBe(true)
    })

    it('under a key with dots is refused, or has that key: it never takes the place of another', async () => {
      const other = start({ key: 'scenario/dots.bin' })
      const { url } = await other.upload()
      for (const key of ['scenario/a/../dots.bin', 'scenario/./dots.bin']) {
        const { upload } = start({ key, body: body.slice(0, 5) })
        const outcome = await upload().catch((error: unknown) => error)
        if (outcome instanceof FilesError) expect(outcome.code).toBe('InvalidKey')
        else expect(outcome).toMatchObject({ key, size: 5 })
        expect(await holds(other.key, url)).toBe(true)
      }
    })

    it('that is paused lets what is in flight settle, sends nothing more, and goes on', async () => {
      const { wire, control, key, upload } = start()
      wire.before = (name, index) => {
        if (name === 'send' && index === 1) control.pause()
      }
      const done = upload()
      await until(() => control.status === 'paused')
      await settled(wire.calls)
      const sends = sendsOf(wire.calls).length
      expect(sends).toBeLessThanOrEqual(3)
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(sendsOf(wire.calls).length).toBe(sends)
      control.resume()
      const result = await done
      expect(await holds(key, result.url)).toBe(true)
      expect(overlap(wire.acknowledged)).toBe(0)
    })

    it('that is cut by an immediate pause asks the provider and goes on', async () => {
      const { wire, control, key, upload } = start()
      wire.fault = (name, index) => (name === 'send' && index === 2 ? 'silence' : undefined)
      wire.before = (name, index) => {
        if (name === 'send' && index === 2) setTimeout(() => control.pause({ immediate: true }), 5)
      }
      const done = upload()
      await until(() => control.status === 'paused')
      await settled(wire.calls)
      control.resume()
      const result = await done
      expect(await holds(key, result.url)).toBe(true)
      expect(wire.calls.includes('probe')).toBe(wire.asks)
      expect(overlap(wire.acknowledged)).toBe(0)
    })

    it('that was stopped through a signal keeps its session, and another control finishes it', async () => {
      const first = start()
      const stop = new AbortController()
      first.wire.before = (name, index) => {
        if (name === 'send' && index === 3) stop.abort()
      }
      await expect(first.upload({ signal: stop.signal })).rejects.toMatchObject({ aborted: true })
      expect(first.control.status).toBe('aborted')
      expect(await opened(world)).toBeGreaterThan(0)

      const acknowledged = first.wire.acknowledged
      const token = JSON.parse(JSON.stringify(first.control))
      const second = start({ control: UploadControl.from(token), key: first.key })
      const seen: number[] = []
      const result = await second.upload({ onProgress: ({ loaded }) => seen.push(loaded) })
      expect(await holds(first.key, result.url)).toBe(true)
      expect(overlap([...acknowledged, ...second.wire.acknowledged])).toBe(0)
      expect(seen[0]).toBeGreaterThanOrEqual(acknowledged.reduce((sum, piece) => sum + piece.size, 0))
      expect(second.wire.calls).not.toContain('begin')
    })

    it('of another body is refused before a byte goes out', async () => {
      const first = start()
      const stop = new AbortController()
      first.wire.before = (name, index) => {
        if (name === 'send' && index === 3) stop.abort()
      }
      await expect(first.upload({ signal: stop.signal })).rejects.toBeInstanceOf(FilesError)
      const changed = body.slice()
      changed[0] = (changed[0] ?? 0) ^ 1
      const token = JSON.stringify(first.control)
      const second = start({ control: UploadControl.from(token), key: first.key, body: changed })
      await expect(second.upload()).rejects.toMatchObject({ code: 'BodyChanged' })
      expect(second.wire.calls).toEqual([])

      const third = start({ control: UploadControl.from(token), key: first.key, body: body.slice(1) })
      await expect(third.upload()).rejects.toMatchObject({ code: 'BodyChanged' })
      expect(third.wire.calls).toEqual([])
      const last = start({ control: UploadControl.from(token), key: first.key })
      const result = await last.upload()
      expect(await holds(first.key, result.url)).toBe(true)
    })

    it('with a token for another key is refused', async () => {
      const first = start()
      first.wire.fault = (name) => (name === 'send' ? new FilesError('Conflict', 'no') : undefined)
      await expect(first.upload()).rejects.toMatchObject({ code: 'Conflict' })
      const token = JSON.stringify(first.control)
      const second = start({ control: UploadControl.from(token) })
      await expect(second.upload()).rejects.toMatchObject({ code: 'Conflict' })
      expect(second.wire.calls).toEqual([])
      const third = start({ control: UploadControl.from(token), key: first.key })
      await third.upload()
    })

    it('that is aborted leaves neither a session nor an object, and rejects once', async () => {
      const before = await world.openSessions()
      const { wire, control, key, upload } = start()
      let gone: Promise<void> | undefined
      wire.before = (name, index) => {
        if (name === 'send' && index === 2) gone = control.abort()
      }
      await expect(upload()).rejects.toMatchObject({ aborted: true })
      await gone
      expect(control.status).toBe('aborted')
      expect(control.toJSON()).toBeUndefined()
      expect(wire.calls.filter((call) => call === 'discard')).toHaveLength(1)
      expect(await world.openSessions()).toBe(world.keepsAborted ? before + 1 : before)
      expect(await world.read(key, undefined)).toBeUndefined()
    })

    it('that is aborted while its session is being created leaves no session', async () => {
      const before = await world.openSessions()
      const { wire, control, upload } = start()
      let gone: Promise<void> | undefined
      wire.before = async (name) => {
        if (name !== 'begin') return
        gone = control.abort()
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      await expect(upload()).rejects.toMatchObject({ aborted: true })
      await gone
      expect(wire.calls).toContain('discard')
      expect(await world.openSessions()).toBeLessThanOrEqual(before + (world.keepsAborted ? 1 : 0))
    })

    const breaks: [Fault & string, 'send' | 'begin' | 'complete'][] = [
      ['request lost', 'begin'],
      ['request lost', 'send'],
      ['answer lost', 'send'],
      ['cut in the middle', 'send'],
      ['request lost', 'complete'],
      ['answer lost', 'complete'],
    ]
    for (const [fault, call] of breaks) {
      it(`arrives whole when of "${call}": ${fault}`, async () => {
        const { wire, key, upload } = start()
        let broken = 0
        wire.fault = (name) => (name === call && ++broken === 1 ? fault : undefined)
        const result = await upload()
        expect(await holds(key, result.url)).toBe(true)
        if (wire.asks) expect(overlap(wire.acknowledged)).toBe(0)
        expect(broken).toBeGreaterThanOrEqual(1)
      })
    }

    it('on a silent connection is cut after the idle time-out, and goes on', async () => {
      const { wire, key, upload } = start()
      wire.fault = (name, index) => (name === 'send' && index === 1 ? 'silence' : undefined)
      // Real servers on a busy machine are silent for so long now and then.
      const result = await upload({ timeout: 300, retries: { max: 100, backoff: () => 0 } })
      expect(await holds(key, result.url)).toBe(true)
      // However often it was tried, nothing that was acknowledged went out again.
      expect(sendsOf(wire.calls).length).toBeGreaterThan(1)
      if (wire.asks) expect(overlap(wire.acknowledged)).toBe(0)
    })

    it('arrives whole under a rain of faults', async () => {
      const { wire, key, upload } = start()
      const random = seeded(7)
      const faults: Fault[] = ['request lost', 'answer lost', 'cut in the middle']
      wire.fault = (name) =>
        name !== 'begin' && random() < 0.4
          ? faults[Math.floor(random() * (name === 'send' ? 3 : 2))]
          : undefined
      const result = await upload({ retries: { max: 100, backoff: () => 0 } })
      expect(await holds(key, result.url)).toBe(true)
      if (wire.asks) expect(overlap(wire.acknowledged)).toBe(0)
    })

    it('whose piece fails for good stops its siblings at once and keeps the session', async () => {
      const { wire, control, key, upload } = start()
      wire.fault = (name, index) =>
        name === 'send' && index === 1 ? new FilesError('Conflict', 'no') : undefined
      await expect(upload()).rejects.toMatchObject({ code: 'Conflict' })
      expect(control.status).toBe('error')
      const sends = sendsOf(wire.calls).length
      expect(sends).toBeLessThanOrEqual(3)
      const next = start({ control: UploadControl.from(JSON.stringify(control)), key })
      const result = await next.upload()
      expect(await holds(key, result.url)).toBe(true)
    })

    it('asks for new credentials without counting a retry', async () => {
      const { wire, key, upload } = start()
      let refreshed = 0
      wire.refresh = async () => ++refreshed > 0
      const refused = new Set<string | undefined>()
      wire.fault = (name, index) => {
        // Two pieces, once each: the same one refused twice in a row would be an answer.
        const piece = wire.calls.at(-1)
        const due = (index >= 1 && refused.size === 0) || (index >= 4 && refused.size === 1)
        if (name !== 'send' || !due || refused.has(piece)) return undefined
        refused.add(piece)
        return new FilesError('Unauthorized', 'expired')
      }
      const result = await upload({ retries: 0 })
      expect(refreshed).toBe(2)
      expect(await holds(key, result.url)).toBe(true)
    })

    it('shows progress that only grows, never passes the total, and survives its listeners', async () => {
      const { wire, control, key, upload } = start()
      wire.fault = (name, index) => (name === 'send' && index % 3 === 1 ? 'cut in the middle' : undefined)
      const loaded: number[] = []
      const sent: number[] = []
      control.addEventListener('progress', () => {
        loaded.push(control.loaded)
        sent.push(control.sent)
        throw new Error('a listener that fails')
      })
      const result = await upload({
        onProgress: () => {
          throw new Error('a callback that fails')
        },
      })
      expect(await holds(key, result.url)).toBe(true)
      for (const numbers of [loaded, sent]) {
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
        expect(Math.max(...numbers)).toBe(body.length)
      }
    })

    it('refuses a control that already drives one', async () => {
      const { control, upload } = start()
      const first = upload()
      await expect(upload()).rejects.toMatchObject({ code: 'Conflict' })
      await first
      expect(control.status).toBe('completed')
    })

    it('writes a token of at most 128 KiB that JSON carries', async () => {
      const { wire, control, upload } = start()
      let token = ''
      wire.before = (name, index) => {
        if (name === 'send' && index === 4) token = JSON.stringify(control)
      }
      await upload()
      expect(token.length).toBeGreaterThan(50)
      expect(token.length).toBeLessThan(128 * 1024)
    })
  })
}

function sendsOf(calls: readonly string[]): string[] {
  return calls.filter((call) => call.startsWith('send'))
}

/** Bytes that were acknowledged more than once. */
function overlap(pieces: readonly { readonly start: number; readonly size: number }[]): number {
  const sorted = [...pieces].sort((a, b) => a.start - b.start)
  let twice = 0
  let end = 0
  for (const { start, size } of sorted) {
    twice += Math.max(0, Math.min(end, start + size) - start)
    end = Math.max(end, start + size)
  }
  return twice
}

/** The provider may still be opening what was begun a moment ago: up to 10 s. */
async function opened(world: World): Promise<number> {
  for (let looks = 0; looks < 40; looks++) {
    const open = await world.openSessions()
    if (open > 0) return open
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  return 0
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Waits until no call was added for a while. */
async function settled(calls: readonly string[]): Promise<void> {
  let before = -1
  while (calls.length !== before) {
    before = calls.length
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
