import { describe, expect, it } from 'vitest'
import { randomBytes } from '../test/bodies.ts'
import type { Adapter } from './adapter.ts'
import { memory } from './adapters/memory/memory.ts'
import { UploadControl } from './control.ts'
import type { PartsDriver } from './driver.ts'
import { FilesError } from './errors.ts'
import type { FilesHooks } from './files/hooks.ts'
import { Files } from './files.ts'
import type { SessionToken } from './session.ts'
import type { SessionStore } from './stores/session-store.ts'

const MIB = 2 ** 20

describe('Files', () => {
  it('takes every kind of body that can be read again, and refuses a stream with advice', async () => {
    const adapter = memory()
    const files = new Files({ adapter })
    const bytes = new TextEncoder().encode('body')
    const shared = new Uint8Array(new SharedArrayBuffer(4))
    shared.set(bytes)
    const bodies = {
      string: 'body',
      blob: new Blob(['body']),
      file: new File(['body'], 'a.txt', { lastModified: 5 }),
      buffer: bytes.buffer,
      view: new DataView(bytes.buffer),
      shared,
      own: { size: 4, slice: (start: number, end: number) => bytes.slice(start, end) },
      ownBlob: { size: 4, slice: async (start: number, end: number) => new Blob(['body']).slice(start, end) },
    }
    for (const [key, body] of Object.entries(bodies)) {
      await files.upload(key, body)
      expect(await (await files.download(key)).text()).toBe('body')
    }
    await expect(files.upload('x', new Blob(['x']).stream())).rejects.toThrow('await spool(stream) first')
  })

  it('notices a body that becomes shorter', async () => {
    const files = new Files({ adapter: memory() })
    const body = { size: 10, slice: () => new Uint8Array(3) }
    await expect(files.upload('x', body)).rejects.toMatchObject({ code: 'BodyChanged' })
  })

  it('refuses options and sizes that are no numbers, before anything is asked for', async () => {
    const adapter: Adapter = {
      ...memory(),
      driver: () => {
        throw new Error('it was asked')
      },
    }
    const files = new Files({ adapter })
    const wrong = [
      { maxBytesPerSecond: Number.NaN },
      { multipart: { concurrency: Number.NaN } },
      { multipart: { partSize: Number.NaN } },
      { retries: Number.NaN },
    ]
    for (const options of wrong)
      await expect(files.upload('a', 'x', options)).rejects.toMatchObject({ code: 'NotSupported' })
    await expect(files.upload([{ key: 'a', body: 'x' }], { concurrency: Number.NaN })).rejects.toThrow('NaN')
    await expect(files.head('a', { retries: Number.NaN })).rejects.toThrow('NaN')
    const control = new UploadControl()
    expect(() => {
      control.maxBytesPerSecond = Number.NaN
    }).toThrow('NaN')
    let closed = 0
    for (const size of [Number.NaN, -1, 1.5]) {
      const read = async () => new Uint8Array(0)
      await expect(files.upload('a', { size, slice: read })).rejects.toThrow(`${size}`)
      const close = async () => {
        closed++
      }
      await expect(files.upload('a', { open: async () => ({ size, read, close }) })).rejects.toThrow(
        `${size}`,
      )
    }
    expect(closed).toBe(3)
    await expect(files.upload('a', undefined as unknown as string)).rejects.toThrow('needs a body')
  })

  it('does not wait for a body that cannot be read any more', async () => {
    const bytes = randomBytes(4 * MIB)
    const bodyUntil = (stalls: number) => ({
      size: bytes.length,
      slice: (start: number, end: number) =>
        end > stalls ? new Promise<never>(() => {}) : bytes.subarray(start, end),
    })
    const streamed = memory({ shape: 'offset' })
    const inParts = memory()
    const held: Adapter = {
      ...inParts,
      driver: (intent) => {
        const driver = inParts.driver(intent) as PartsDriver
        const send: PartsDriver['send'] = async (session, number, payload, call) => {
          await payload.bytes()
          return driver.send(session, number, payload, call)
        }
        return { ...driver, send }
      },
    }
    const multipart = { partSize: MIB, concurrency: 1 }
    for (const adapter of [streamed, inParts, held]) {
      const files = new Files({ adapter, retries: 0 })
      await expect(files.upload('a', bodyUntil(2 * MIB), { multipart, timeout: 50 })).rejects.toMatchObject({
        timeout: true,
      })
      const stop = new AbortController()
      const onProgress = ({ loaded }: { loaded: number }) => loaded > 0 && stop.abort()
      await expect(
        files.upload('a', bodyUntil(2 * MIB), { multipart, signal: stop.signal, onProgress }),
      ).rejects.toMatchObject({ aborted: true })
      // While cells are read for the token.
      const control = new UploadControl()
      const done = files.upload('a', bodyUntil(0), { control })
      done.catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 20))
      await control.abort()
      await expect(done).rejects.toMatchObject({ aborted: true })
    }
  })

  it('keeps its prefix out of sight, and nobody leaves it', async () => {
    const adapter = memory()
    const files = new Files({ adapter, prefix: '/tenants/1/' })
    await files.upload('a.txt', 'x')
    adapter.raw.objects.set('tenants/10/b.txt', { ...(adapter.raw.objects.get('tenants/1/a.txt') ?? fail()) })
    expect([...adapter.raw.objects.keys()]).toContain('tenants/1/a.txt')
    expect((await files.list()).items.map((file) => file.key)).toEqual(['a.txt'])
    expect((await files.head('a.txt')).key).toBe('a.txt')
    for (const key of ['../10/b.txt', 'a/../../10/b.txt', '.', '']) {
      await expect(files.head(key)).rejects.toMatchObject({ code: 'InvalidKey' })
      await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    }
  })

  it('refuses half a character in a key, which another half would be stored under too', async () => {
    const files = new Files({ adapter: memory() })
    for (const key of ['\ud800', 'a\udfffb', '\ude00\ud83d'])
      await expect(files.upload(key, 'x')).rejects.toMatchObject({ code: 'InvalidKey' })
    await files.upload('😀', 'x')
  })

  it('refuses everything that writes when it is read-only', async () => {
    const files = new Files({ adapter: memory() })
    await files.upload('a', 'x')
    const only = files.readonly()
    const writes = [
      () => only.upload('b', 'x'),
      () => only.upload([{ key: 'b', body: 'x' }]),
      () => only.delete('a'),
      () => only.delete(['a']),
      () => only.copy('a', 'b'),
      () => only.move('a', 'b'),
      () => only.signedUploadUrl('a', { expiresIn: 1 }),
      () => only.file('a').upload('x'),
    ]
    for (const write of writes) await expect(write()).rejects.toMatchObject({ code: 'ReadOnly' })
    expect(await (await only.download('a')).text()).toBe('x')
  })

  it('does many at once: results in order, failures apart, or a stop at the first', async () => {
    const files = new Files({ adapter: memory() })
    const items = [
      { key: 'a', body: 'a' },
      { key: '', body: 'b' },
      { key: 'c', body: 'c' },
    ]
    const seen: string[] = []
    const all = await files.upload(items, { concurrency: 2, onProgress: ({ key }) => seen.push(key) })
    expect(all.uploaded.map(({ key }) => key)).toEqual(['a', 'c'])
    expect(all.errors).toMatchObject([{ key: '', error: { code: 'InvalidKey' } }])
    expect(new Set(seen)).toEqual(new Set(['a', 'c']))
    const stopped = await files.upload(items, { stopOnError: true })
    expect(stopped.uploaded.map(({ key }) => key)).toEqual(['a'])
    expect((await files.head(['a', 'nope', 'c'])).files.map(({ key }) => key)).toEqual(['a', 'c'])
    expect(await files.delete(['a', 'c'])).toEqual({ deleted: ['a', 'c'] })
    const control = new UploadControl()
    await expect(files.upload(items, { control } as object)).rejects.toMatchObject({ code: 'NotSupported' })
  })

  it('tells its hooks of every call once, and is not hurt by them', async () => {
    const events: string[] = []
    const hooks: FilesHooks = {
      onAction: ({ type, status, key }) => {
        events.push(`${type} ${key} ${status}`)
        throw new Error('a hook that fails')
      },
      onError: ({ type, error }) => {
        events.push(`${type} ${error.code}`)
        throw new Error('a hook that fails')
      },
    }
    const files = new Files({ adapter: memory(), hooks })
    await files.upload('a', 'x')
    await expect(files.head('b')).rejects.toBeInstanceOf(FilesError)
    expect(events).toEqual(['upload a success', 'head NotFound', 'head b error'])
  })

  it('tries again what may succeed later, tells onRetry, and gives up in time', async () => {
    const retries: number[] = []
    let left = 2
    const adapter: Adapter = {
      ...memory(),
      head: async () => {
        if (left-- > 0) throw new FilesError('Provider', 'busy')
        throw new FilesError('NotFound', 'none')
      },
    }
    const options = { max: 5, backoff: () => 0 }
    const files = new Files({
      adapter,
      retries: options,
      hooks: { onRetry: ({ attempt }) => retries.push(attempt) },
    })
    await expect(files.head('a')).rejects.toMatchObject({ code: 'NotFound' })
    expect(retries).toEqual([1, 2])
    left = 10
    await expect(files.head('a', { retries: 0 })).rejects.toMatchObject({ code: 'Provider' })
  })

  it('waits as long as the provider asked to before it tries again, whatever an attempt may take', async () => {
    const at: number[] = []
    const adapter: Adapter = {
      ...memory(),
      head: async () => {
        at.push(Date.now())
        throw new FilesError('Provider', 'busy', undefined, { retryAfter: 200 })
      },
    }
    const retries = { max: 1, backoff: () => 0 }
    await expect(new Files({ adapter }).head('a', { timeout: 20, retries })).rejects.toThrow('busy')
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(150)
  })

  it('does not call moved what was never there, whatever lies under the new key', async () => {
    const store = memory()
    let lost = 1
    const adapter: Adapter = {
      ...store,
      move: async (from, to, call) => {
        if (!store.raw.objects.has(from)) throw new FilesError('NotFound', 'nothing to move')
        await store.copy?.(from, to, call)
        await store.delete?.(from, call)
        if (lost-- > 0) throw new FilesError('Provider', 'no answer')
      },
    }
    const files = new Files({ adapter, retries: { max: 1, backoff: () => 1 } })
    await files.upload('a', 'x')
    await files.move('a', 'b')
    expect([...store.raw.objects.keys()]).toEqual(['b'])
    lost = 1
    await expect(files.move('a', 'b')).rejects.toMatchObject({ code: 'NotFound' })
  })

  it('takes a time-out without end, and one longer than a timer can wait', async () => {
    const warned: Error[] = []
    const warn = (warning: Error) => warned.push(warning)
    process.on('warning', warn)
    for (const timeout of [Number.POSITIVE_INFINITY, 2 ** 31]) {
      const files = new Files({ adapter: memory(), timeout })
      const slow = { size: 1, slice: () => new Promise<Blob>((got) => setTimeout(got, 20, new Blob(['x']))) }
      await files.upload('a', slow)
      expect((await files.head('a')).size).toBe(1)
    }
    process.off('warning', warn)
    expect(warned).toEqual([])
  })

  it('ends a call after its time-out, or with its signal', async () => {
    const adapter: Adapter = {
      ...memory(),
      head: (_key, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    }
    const files = new Files({ adapter })
    await expect(files.head('a', { timeout: 20 })).rejects.toMatchObject({ timeout: true, aborted: true })
    await expect(files.head('a', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      aborted: true,
      timeout: false,
    })
    const everywhere = new AbortController()
    const call = new Files({ adapter, signal: everywhere.signal }).head('a')
    everywhere.abort()
    await expect(call).rejects.toMatchObject({ aborted: true })
  })

  it('holds the bandwidth limit, which can be lifted while it runs', async () => {
    const files = new Files({ adapter: memory() })
    const control = new UploadControl()
    const began = Date.now()
    const done = files.upload('a', randomBytes(4 * MIB), { control, maxBytesPerSecond: 2 * MIB })
    setTimeout(() => {
      control.maxBytesPerSecond = undefined
    }, 600)
    await done
    const seconds = (Date.now() - began) / 1000
    expect(seconds).toBeGreaterThan(0.5)
    expect(seconds).toBeLessThan(1.9)
  })

  it('refuses a file that was modified since, whatever of it is read again', async () => {
    const files = new Files({ adapter: memory() })
    const bytes = randomBytes(3 * MIB)
    const control = new UploadControl()
    const stop = new AbortController()
    const fileOf = (lastModified: number) => new File([bytes], 'a', { lastModified })
    await files
      .upload('a', fileOf(1), {
        control,
        signal: stop.signal,
        multipart: { partSize: MIB, concurrency: 1 },
        onProgress: ({ loaded }) => loaded > 0 && stop.abort(),
      })
      .catch(() => {})
    const token = JSON.stringify(control)
    for (const verify of ['off', 'sampled', 'full'] as const) {
      const resumed = files.upload('a', fileOf(2), { control: UploadControl.from(token), verify })
      await expect(resumed).rejects.toMatchObject({ code: 'BodyChanged' })
    }
    await files.upload('a', fileOf(1), { control: UploadControl.from(token), verify: 'off' })
  })

  it('sees a changed byte anywhere below with verify "full", and asks nothing with "off"', async () => {
    const adapter = memory({ shape: 'offset' })
    const files = new Files({ adapter })
    const body = randomBytes(40 * MIB)
    const control = new UploadControl()
    const stop = new AbortController()
    await files
      .upload('a', body, {
        control,
        signal: stop.signal,
        multipart: { partSize: MIB, concurrency: 1 },
        onProgress: ({ loaded }) => loaded >= 30 * MIB && stop.abort(),
      })
      .catch(() => {})
    const token = JSON.stringify(control)
    const changed = body.slice()
    changed[17 * MIB + 5] = (changed[17 * MIB + 5] ?? 0) ^ 1
    const resumed = (verify: 'full' | 'off') =>
      files.upload('a', changed, { control: UploadControl.from(token), verify })
    await expect(resumed('full')).rejects.toMatchObject({ code: 'BodyChanged' })
    await expect(resumed('off')).resolves.toMatchObject({ size: body.length })
  })

  it('says what it is busy with: verifying, sending, finishing, then nothing', async () => {
    const control = new UploadControl()
    const phases: (string | undefined)[] = []
    control.addEventListener('progress', () => {
      if (phases.at(-1) !== control.phase) phases.push(control.phase)
    })
    await new Files({ adapter: memory() }).upload('a', randomBytes(12 * MIB), { control })
    expect([...phases, control.phase]).toEqual(['verifying', 'sending', 'finishing', undefined])
  })

  it.each([4, 12])('holds at most 64 MiB of parts in memory with %d side by side', async (concurrency) => {
    const part = 16 * MIB
    let held = 0
    let most = 0
    const plain = memory()
    const holding: Adapter = {
      ...plain,
      driver: (): PartsDriver<string> => ({
        shape: 'parts',
        part: { min: part, max: part, maxCount: 100, maxSize: 2 ** 40, multiple: 1, preferred: part },
        adopt: () => '',
        begin: async () => '',
        send: async (_, number, payload) => {
          const { length } = await payload.bytes()
          held += length
          most = Math.max(most, held)
          await new Promise((resolve) => setTimeout(resolve, 5))
          held -= length
          return { number, size: length }
        },
        complete: async () => ({}),
        discard: async () => {},
      }),
    }
    const body = { size: 24 * part, slice: (start: number, end: number) => new Uint8Array(end - start) }
    await new Files({ adapter: holding }).upload('a', body, { multipart: { concurrency } })
    expect(most).toBeLessThanOrEqual(64 * MIB)
    expect(most).toBeGreaterThan(32 * MIB)
  })

  it('refuses a control for several files at once', async () => {
    const options: object = { control: new UploadControl() }
    const many = new Files({ adapter: memory() }).upload([{ key: 'a', body: 'x' }], options)
    await expect(many).rejects.toMatchObject({ code: 'NotSupported' })
    await expect(many).rejects.toThrow('a control drives one upload')
  })

  it('starts paused when it was paused before, and aborts before it starts', async () => {
    const adapter = memory()
    const files = new Files({ adapter })
    const control = new UploadControl()
    control.pause()
    const done = files.upload('a', 'x', { control })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(control.status).toBe('paused')
    expect(adapter.raw.sessions.size).toBe(0)
    control.resume()
    await done

    const never = new UploadControl()
    await never.abort()
    await expect(files.upload('b', 'x', { control: never })).rejects.toMatchObject({ aborted: true })
    expect(adapter.raw.objects.has('b')).toBe(false)

    const paused = new UploadControl()
    paused.pause()
    const pending = files.upload('c', 'x', { control: paused })
    pending.catch(() => {})
    await paused.abort()
    await expect(pending).rejects.toMatchObject({ aborted: true })
    expect(paused.status).toBe('aborted')
  })
})

describe('upload({ resume: store })', () => {
  const mapStore = () => {
    const tokens = new Map<string, SessionToken>()
    const store: SessionStore = {
      get: async (id) => tokens.get(id),
      set: async (id, token) => {
        tokens.set(id, token)
      },
      delete: async (id) => {
        tokens.delete(id)
      },
      list: async () => [...tokens].map(([id, token]) => ({ id, token })),
    }
    return { tokens, store }
  }

  it('finds, resumes and clears by itself', async () => {
    const { tokens, store } = mapStore()
    const adapter = memory()
    const files = new Files({ adapter })
    const body = randomBytes(10 * MIB)
    const stop = new AbortController()
    const options = { resume: store, multipart: { partSize: MIB, concurrency: 1 } }
    await files
      .upload('a', body, {
        ...options,
        signal: stop.signal,
        onProgress: ({ loaded }) => loaded > 4 * MIB && stop.abort(),
      })
      .catch(() => {})
    expect(tokens.size).toBe(1)
    const loaded: number[] = []
    await files.upload('a', body, { ...options, onProgress: (progress) => loaded.push(progress.loaded) })
    expect(loaded[0]).toBeGreaterThan(4 * MIB)
    expect(tokens.size).toBe(0)
    expect(adapter.raw.sessions.size).toBe(0)
  })

  it('finds it for a new control too, and leaves one that has a token its own', async () => {
    const { tokens, store } = mapStore()
    const adapter = memory()
    const files = new Files({ adapter })
    const body = randomBytes(10 * MIB)
    const options = { resume: store, multipart: { partSize: MIB, concurrency: 1 } }
    const stopped = async (control: UploadControl) => {
      const stop = new AbortController()
      const loaded: number[] = []
      await files
        .upload('a', body, {
          ...options,
          control,
          signal: stop.signal,
          onProgress: (progress) => {
            loaded.push(progress.loaded)
            if (progress.loaded > (loaded[0] ?? 0)) stop.abort()
          },
        })
        .catch(() => {})
      return loaded[0]
    }
    const first = new UploadControl()
    expect(await stopped(first)).toBe(0)
    expect(await stopped(new UploadControl())).toBeGreaterThan(0)
    expect(adapter.raw.sessions.size).toBe(1)
    tokens.clear()
    expect(await stopped(new UploadControl())).toBe(0)
    await files.upload('a', body, { ...options, control: UploadControl.from(JSON.stringify(first)) })
    expect(adapter.raw.sessions.size).toBe(1)
  })

  it('takes a body of another size for another upload', async () => {
    const { tokens, store } = mapStore()
    const files = new Files({ adapter: memory() })
    const stop = new AbortController()
    await files
      .upload('a', randomBytes(10 * MIB), {
        resume: store,
        signal: stop.signal,
        onProgress: ({ loaded }) => loaded > 0 && stop.abort(),
      })
      .catch(() => {})
    await files.upload('a', 'a new version', { resume: store })
    expect(tokens.size).toBe(1)
    expect(await (await files.download('a')).text()).toBe('a new version')
  })

  it('begins one session only when the store fails, and keeps it for whoever has the control', async () => {
    const { store } = mapStore()
    const adapter = memory()
    const files = new Files({ adapter, retries: { max: 3, backoff: () => 1 } })
    const control = new UploadControl()
    const body = randomBytes(10 * MIB)
    const full = { ...store, set: () => Promise.reject(new Error('the disk is full')) }
    await expect(files.upload('a', body, { resume: full, control })).rejects.toThrow('the disk is full')
    expect(adapter.raw.sessions.size).toBe(1)
    await files.upload('a', body, { control: UploadControl.from(JSON.stringify(control)) })
    expect(adapter.raw.sessions.size).toBe(0)
  })

  it('clears the token when the upload is aborted for good', async () => {
    const { tokens, store } = mapStore()
    const control = new UploadControl()
    const done = new Files({ adapter: memory() }).upload('a', randomBytes(10 * MIB), {
      resume: store,
      control,
      onProgress: ({ loaded }) => loaded > 0 && control.abort().catch(() => {}),
    })
    await expect(done).rejects.toMatchObject({ aborted: true })
    expect(tokens.size).toBe(0)
  })

  it('clears the token when the upload is aborted for good before its body is compared', async () => {
    const { tokens, store } = mapStore()
    const adapter = memory()
    const files = new Files({ adapter })
    const body = randomBytes(10 * MIB)
    const stop = new AbortController()
    await files
      .upload('a', body, {
        resume: store,
        signal: stop.signal,
        onProgress: ({ loaded }) => loaded > 0 && stop.abort(),
      })
      .catch(() => {})
    const [token] = tokens.values()
    const control = UploadControl.from(JSON.stringify(token))
    await control.abort()
    await expect(files.upload('a', body, { resume: store, control })).rejects.toMatchObject({ aborted: true })
    expect(adapter.raw.sessions.size).toBe(0)
    expect(control.session).toBeUndefined()
    expect(tokens.size).toBe(0)
  })
})

function fail(): never {
  throw new Error('not there')
}
