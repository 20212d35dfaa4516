/** What the draft asks of clients, section by section, met with a server that looks closely. */
import { afterEach, describe, expect, it } from 'vitest'
import { randomBytes, same } from '../../../test/bodies.ts'
import { type Plan, type Reply, serveDraft, type Twist } from '../../../test/servers/draft.ts'
import { Files } from '../../files.ts'
import type { Body } from '../../transfer/source.ts'
import { type ResumableHttpOptions, resumableHttp } from './resumable-http.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function serve(plan: Plan = {}) {
  const server = await serveDraft(plan)
  closing.push(server.close)
  const { endpoint } = server
  return {
    ...server,
    upload: async (body: Body, options: Partial<ResumableHttpOptions> = {}, key = 'a') => {
      const adapter = resumableHttp({ endpoint, creation: 'careful', ...options })
      return new Files({ adapter, retries: { max: 3, backoff: () => 1 } }).upload(key, body)
    },
  }
}

const AT_UP = { Location: '/up', 'Upload-Draft-Interop-Version': '8' }
const OPTIMISTIC = { creation: 'optimistic' } as const
/** Answers the first request of a method so. */
const first =
  (method: string, reply: Reply | 'cut'): Twist =>
  (asked, n) =>
    asked.method === method && n === 0 ? reply : undefined

describe('State', () => {
  it('4.1.1: an Upload-Offset that is no count is ignored', async () => {
    for (const value of ['-1', '1.0', '"5"', '?1', '1000000000000000']) {
      const body = randomBytes(2000)
      // As if it were not there: the 204 says that everything of this request came.
      const server = await serve({
        limit: 'max-append-size=1000',
        twist: (asked, n) =>
          asked.method === 'PATCH' && n === 0
            ? { status: 204, headers: { 'Upload-Offset': value, 'Upload-Complete': '?0' } }
            : undefined,
      })
      await server.upload(body)
      expect(server.of('PATCH')[1]?.headers['upload-offset']).toBe('1000')
      expect(same(server.taken(), body)).toBe(true)
    }
  })

  it('4.1.2: an Upload-Complete that is no Boolean is ignored', async () => {
    const server = await serve({
      twist: first('PATCH', { status: 500, headers: { 'Upload-Complete': '1' } }),
    })
    await server.upload(randomBytes(2000))
    // It was not taken for the target's own word: the upload went on.
    expect(server.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD', 'PATCH'])
  })

  it('4.1.3: the length is told as soon as it is known', async () => {
    const server = await serve()
    await server.upload(randomBytes(2000))
    expect(server.of('POST')[0]?.headers['upload-length']).toBe('2000')
  })

  it('4.1.3: two lengths in one request are the same', async () => {
    const server = await serve({ interim: [AT_UP] })
    await server.upload(randomBytes(2000), OPTIMISTIC)
    expect(server.of('POST')[0]?.headers).toMatchObject({
      'upload-length': '2000',
      'content-length': '2000',
      'upload-complete': '?1',
    })
  })
})

describe('Limits', () => {
  it('4.1.4: an Upload-Limit that is no dictionary is ignored', async () => {
    const server = await serve({ limit: 'max-size=1, =' })
    // Then the server does not know this protocol, as far as can be seen: it gets an ordinary upload.
    await server.upload(randomBytes(2000)).catch(() => {})
    expect(server.of('POST')[0]).toMatchObject({ size: 2000 })
  })

  it('4.1.4: an unknown member of Upload-Limit is ignored', async () => {
    const server = await serve({ limit: 'max-append-size=1500, colour=blue, x=(1 2)' })
    await server.upload(randomBytes(2000))
    expect(server.of('PATCH').map(({ size }) => size)).toEqual([1500, 500])
  })

  it('4.1.4: a known member of the wrong type makes all of Upload-Limit ignored', async () => {
    const server = await serve({
      twist: first('POST', {
        status: 201,
        headers: { Location: '/up', 'Upload-Limit': 'max-append-size=100, max-size=1.5' },
      }),
    })
    await server.upload(randomBytes(2000))
    expect(server.of('PATCH').map(({ size }) => size)).toEqual([2000])
  })

  it('4.1.4: no request but the last is smaller than min-append-size, and the creation is empty', async () => {
    const server = await serve({ limit: 'min-append-size=900, max-append-size=1000' })
    await server.upload(randomBytes(3300))
    expect(server.of('POST').map(({ size }) => size)).toEqual([0])
    const parts = server.of('PATCH')
    expect(parts.map(({ size }) => size)).toEqual([1000, 1000, 1000, 300])
    expect(parts.at(-1)?.headers['upload-complete']).toBe('?1')
  })

  it('4.1.4: what cannot go on within the limits is stopped and cancelled', async () => {
    const created = await serve({
      twist: first('POST', { status: 201, headers: { Location: '/up', 'Upload-Limit': 'max-size=10' } }),
    })
    await expect(created.upload(randomBytes(2000))).rejects.toMatchObject({ code: 'QuotaExceeded' })
    expect(created.methods()).toEqual(['OPTIONS', 'POST', 'DELETE'])

    const later = await serve({
      twist: first('PATCH', {
        status: 413,
        headers: { 'Upload-Complete': '?0', 'Upload-Limit': 'max-size=10' },
      }),
    })
    await expect(later.upload(randomBytes(2000))).rejects.toMatchObject({ code: 'QuotaExceeded' })
    expect(later.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'DELETE'])

    const least = await serve({
      limit: 'min-append-size=1500',
      twist: ({ method }) => (method === 'PATCH' ? { status: 413 } : undefined),
    })
    await expect(least.upload(randomBytes(2000))).rejects.toMatchObject({ status: 413 })
    expect(least.methods().at(-1)).toBe('DELETE')
  })
})

describe('several uploads of one adapter', () => {
  it('a limit of one upload is none of another', async () => {
    const server = await serve({
      limit: 'max-size=5000',
      twist: first('POST', { status: 201, headers: { Location: '/up', 'Upload-Limit': 'max-size=10' } }),
    })
    const { endpoint } = server
    const files = new Files({ adapter: resumableHttp({ endpoint, creation: 'careful' }), retries: 0 })
    await expect(files.upload('a', randomBytes(2000))).rejects.toMatchObject({ code: 'QuotaExceeded' })
    await files.upload('b', randomBytes(2000))
    expect(server.methods()).toEqual(['OPTIONS', 'POST', 'DELETE', 'POST', 'PATCH'])
  })
})

describe('Upload Creation', () => {
  it('4.2.1: the creating request tells the length', async () => {
    for (const size of [0, 1, 2000]) {
      const server = await serve({ interim: [AT_UP] })
      await server.upload(randomBytes(size), OPTIMISTIC)
      expect(server.of('POST')[0]?.headers['upload-length']).toBe(String(size))
    }
  })

  it('4.2.1: limits in interim and final answers are kept to', async () => {
    const interim = [{ ...AT_UP, 'Upload-Limit': 'max-append-size=1500' }]
    const told = await serve({ interim })
    const body = randomBytes(4000)
    await told.upload(body, OPTIMISTIC)
    expect(told.of('POST')[0]?.size).toBe(0)
    expect(told.of('PATCH').map(({ size }) => size)).toEqual([1500, 1500, 1000])
    expect(same(told.taken(), body)).toBe(true)

    const final = await serve({
      twist: first('POST', {
        status: 201,
        headers: { Location: '/up', 'Upload-Complete': '?0', 'Upload-Limit': 'max-append-size=1500' },
      }),
    })
    await final.upload(body)
    expect(final.of('PATCH').map(({ size }) => size)).toEqual([1500, 1500, 1000])
  })

  it('4.2.1: a body larger than an interim answer allows is stopped and cancelled', async () => {
    const server = await serve({ interim: [{ ...AT_UP, 'Upload-Limit': 'max-size=10' }] })
    await expect(server.upload(randomBytes(2000), OPTIMISTIC)).rejects.toMatchObject({
      code: 'QuotaExceeded',
    })
    expect(server.methods()).toEqual(['OPTIONS', 'POST', 'DELETE'])
    expect(server.of('POST')[0]?.size).toBe(0)
  })

  it('4.2.1: the name of the file goes in an inline Content-Disposition', async () => {
    const server = await serve()
    await server.upload(randomBytes(10), {}, 'a folder/naïve €.txt')
    expect(server.of('POST')[0]?.headers['content-disposition']).toBe(
      "inline; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt",
    )
  })

  it('4.2.1: a creation that is refused with 4xx is not tried again', async () => {
    for (const status of [400, 403, 404, 409, 410, 415, 422])
      for (const options of [{}, OPTIMISTIC]) {
        const server = await serve({ interim: [AT_UP], twist: first('POST', { status }) })
        await expect(server.upload(randomBytes(2000), options)).rejects.toMatchObject({ status })
        expect(server.of('POST')).toHaveLength(1)
        expect(server.of('PATCH')).toHaveLength(0)
      }
  })

  it('4.2.2: answers that name two places are noticed, and the upload is cancelled', async () => {
    const elsewhere = { ...AT_UP, Location: '/other' }
    const twice = await serve({ interim: [AT_UP, elsewhere] })
    await expect(twice.upload(randomBytes(2_000_000), OPTIMISTIC)).rejects.toMatchObject({
      code: 'Provider',
      retryable: false,
    })
    expect(twice.methods()).toEqual(['OPTIONS', 'POST', 'DELETE'])

    const last = await serve({ interim: [elsewhere] })
    await expect(last.upload(randomBytes(2000))).rejects.toMatchObject({ code: 'Provider', retryable: false })
    expect(last.methods()).toEqual(['OPTIONS', 'POST', 'DELETE'])
  })
})

describe('Offset Retrieval', () => {
  it('4.3.1: the offset is asked for with HEAD', async () => {
    const server = await serve({ twist: first('PATCH', 'cut') })
    await server.upload(randomBytes(2000))
    expect(server.of('HEAD')).toHaveLength(1)
    expect(server.of('GET')).toHaveLength(0)
  })

  it('4.3.1: an offset beyond the body fails the upload: nothing more is sent, and it is cancelled', async () => {
    const beyond = { 'Upload-Offset': '2001', 'Upload-Complete': '?0' }
    for (const [method, status] of [
      ['HEAD', 204],
      ['PATCH', 409],
      ['PATCH', 204],
    ] as const) {
      const server = await serve({
        twist: (asked, n) => {
          if (asked.method === method) return { status, headers: beyond }
          return asked.method === 'PATCH' && n === 0 ? 'cut' : undefined
        },
      })
      await expect(server.upload(randomBytes(2000))).rejects.toMatchObject({ code: 'Corrupted' })
      expect(server.of('PATCH')).toHaveLength(1)
      expect(server.methods().at(-1)).toBe('DELETE')
    }
  })

  it('4.3.1: the offset is not asked for while a request is under way', async () => {
    for (const options of [{}, OPTIMISTIC]) {
      const server = await serve({
        interim: [AT_UP],
        twist: ({ method }, n) => (method === 'PATCH' && n < 2 ? { status: 503 } : undefined),
      })
      await server.upload(randomBytes(2000), options)
      for (const { beside } of server.of('HEAD')) expect(beside).toBe(0)
    }
  })

  it('4.3.1: a look that is refused with 4xx is not tried again', async () => {
    for (const status of [400, 404, 410, 422]) {
      const server = await serve({
        twist: ({ method }) => (method === 'HEAD' ? { status } : method === 'PATCH' ? 'cut' : undefined),
      })
      await expect(server.upload(randomBytes(2000))).rejects.toThrow()
      expect(server.of('HEAD')).toHaveLength(1)
      expect(server.of('PATCH')).toHaveLength(1)
    }
  })
})

describe('Upload Append', () => {
  it('4.4.1: an append tells its offset and whether it ends the upload', async () => {
    const server = await serve({ limit: 'max-append-size=1000' })
    await server.upload(randomBytes(2500))
    expect(
      server.of('PATCH').map(({ headers }) => [headers['upload-offset'], headers['upload-complete']]),
    ).toEqual([
      ['0', '?0'],
      ['1000', '?0'],
      ['2000', '?1'],
    ])
    for (const { headers } of server.of('PATCH'))
      expect(headers['content-type']).toBe('application/partial-upload')
  })

  it('4.4.1: the offset is the one that the answer before told', async () => {
    const server = await serve({ twist: first('PATCH', 'cut') })
    await server.upload(randomBytes(2000))
    // All was kept although the answer was lost: nothing of it is sent again.
    expect(server.of('PATCH')[1]).toMatchObject({ size: 0, headers: { 'upload-offset': '2000' } })
  })

  it('4.4.1: an append that is refused with 4xx is not tried again', async () => {
    for (const status of [400, 403, 415, 422]) {
      const server = await serve({
        twist: ({ method }) =>
          method === 'PATCH' ? { status, headers: { 'Upload-Complete': '?0' } } : undefined,
      })
      await expect(server.upload(randomBytes(2000))).rejects.toMatchObject({ status })
      expect(server.of('PATCH')).toHaveLength(1)
      expect(server.of('HEAD')).toHaveLength(0)
    }
  })

  it('4.6: one request at a time carries bytes', async () => {
    for (const options of [{}, OPTIMISTIC]) {
      const server = await serve({
        limit: 'max-append-size=1000',
        interim: [AT_UP],
        twist: ({ method }, n) => (method === 'PATCH' && n % 2 === 1 ? { status: 500 } : undefined),
      })
      await server.upload(randomBytes(6000), options)
      expect(server.of('PATCH').length).toBeGreaterThan(6)
      for (const { beside } of server.asked) expect(beside).toBe(0)
    }
  })
})

describe('Strategies and versions', () => {
  it('11.1.1: an upgraded request tells its length, and is else as it was', async () => {
    const server = await serve({ interim: [AT_UP] })
    await server.upload(randomBytes(2000), { ...OPTIMISTIC, headers: { 'x-mine': 'kept' } })
    expect(server.methods()).toEqual(['OPTIONS', 'POST'])
    expect(server.of('POST')[0]?.headers).toMatchObject({ 'upload-length': '2000', 'x-mine': 'kept' })
  })

  it('12: content is sent as it comes, and not gathered first', async () => {
    const MIB = 2 ** 20
    const arrived = Promise.withResolvers<void>()
    const server = await serve({ onContent: arrived.resolve })
    const bytes = randomBytes(32 * MIB)
    // The second half cannot be had before something of the first has come to the server.
    await server.upload({
      size: bytes.length,
      slice: async (start: number, end: number) => {
        if (start >= bytes.length / 2) await arrived.promise
        return bytes.subarray(start, end)
      },
    })
    expect(server.of('PATCH').map(({ size }) => size)).toEqual([bytes.length])
  })

  it('B: every request carries the interop version', async () => {
    const server = await serve({ twist: first('PATCH', 'cut') })
    await server.upload(randomBytes(2000))
    expect(server.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD', 'PATCH'])
    for (const { headers } of server.asked) expect(headers['upload-draft-interop-version']).toBe('8')
  })
})
