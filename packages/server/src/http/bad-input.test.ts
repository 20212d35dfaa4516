/**
 * Generated bad input: whatever comes, the answer is a 4xx that says what is wrong (or a 2xx where the input
 * happens to be right), nothing is logged as a fault, and an upload that was there before is as it was.
 * More than 10,000 cases a run. A failure prints its seed and path; `PAWL_TEST_SEED=<seed>` repeats a run.
 */
import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RawConnection, type RawReply } from './testing/raw-connection.ts'
import {
  createUpload,
  head,
  metadataHeader,
  patch,
  startTestServer,
  type TestServer,
} from './testing/test-server.ts'

const BATCH = 50
const PARALLEL = 8
const seed = process.env.PAWL_TEST_SEED
const faults: string[] = []
let cases = 0
let server: TestServer
/** An upload of 10 bytes that stands at 5. No case below has the right to change it. */
let witness = ''
let path = ''
let before: unknown

beforeAll(async () => {
  const log = pino({ level: 'warn' }, { write: (line: string) => void faults.push(line) })
  // All cases come from one owner, and many of them create an upload.
  server = await startTestServer({ parts: { log }, args: ['--max-open', '1000000'] })
  witness = await createUpload(server, 10, { 'Upload-Metadata': metadataHeader({ filename: 'witness' }) })
  await patch(witness, 0, 'hello')
  path = new URL(witness).pathname
  before = await stateOfWitness()
})
afterAll(() => server.close())

async function stateOfWitness(): Promise<unknown> {
  const { status, headers } = await head(witness)
  return [
    status,
    headers['upload-offset'],
    headers['upload-length'],
    headers['upload-metadata'],
    headers['upload-expires'],
  ]
}

interface Line {
  readonly method?: string
  readonly target?: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body?: string
}

/** Latin-1 text of a request: one character per byte, as generated. */
function bytesOf({ method = 'PATCH', target = path, headers, body }: Line): string {
  const framing = body === undefined ? [] : [['Content-Length', String(body.length)] as const]
  const lines = [['Host', 'localhost'] as const, ...headers, ...framing]
  return `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body ?? ''}`
}

function judge(bytes: string, reply: RawReply | undefined): void {
  const shown = JSON.stringify(bytes.slice(0, 400))
  if (reply === undefined) throw new Error(`no answer to ${shown}`)
  const { status, body } = reply
  if (status < 200 || status >= 500 || (status >= 300 && status < 400))
    throw new Error(`${status} to ${shown}: ${body}`)
  if (status >= 400 && !bytes.startsWith('HEAD ') && !/\w+ \w+/.test(body))
    throw new Error(`${status} without a reason to ${shown}`)
}

interface Manner {
  /** Each on a connection of its own. */
  readonly alone?: boolean
  /** Milliseconds after which one that has no answer is ended, because it may be no whole request. */
  readonly endAfter?: number
}

/** Sends each on one of a few connections that are kept alive. */
async function sendAll(
  batch: readonly string[],
  { alone = false, endAfter = 0 }: Manner = {},
): Promise<void> {
  const queue = [...batch]
  const worker = async (): Promise<void> => {
    let connection: RawConnection | undefined
    for (let bytes = queue.pop(); bytes !== undefined; bytes = queue.pop()) {
      cases += 1
      if (connection === undefined || connection.over || alone) {
        connection?.destroy()
        connection = await RawConnection.open(server.port)
      }
      connection.write(bytes)
      // What is no whole request would wait for the rest of it; to a whole one an end would end the answer too.
      const timer = endAfter > 0 ? setTimeout(() => connection?.end(), endAfter) : undefined
      let reply = await connection.reply({ toHead: bytes.startsWith('HEAD ') })
      clearTimeout(timer)
      while (reply !== undefined && reply.status < 200) reply = await connection.reply()
      judge(bytes, reply)
      if (reply?.headers.connection === 'close') {
        connection.destroy()
        connection = undefined
      }
    }
    connection?.destroy()
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
  expect(await stateOfWitness()).toEqual(before)
  expect(faults.splice(0)).toEqual([])
}

/** Batches of what `arbitrary` makes, at least `total` cases. */
function check(arbitrary: fc.Arbitrary<string>, total: number, options: Manner = {}): Promise<void> {
  const property = fc.asyncProperty(fc.array(arbitrary, { minLength: BATCH, maxLength: BATCH }), (batch) =>
    sendAll(batch, options),
  )
  return fc.assert(property, {
    numRuns: Math.ceil(total / BATCH),
    interruptAfterTimeLimit: 60_000,
    endOnFailure: false,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  })
}

/** A header's value of any bytes that can stand in one; other bytes are the framing's tests. */
const anyValue = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((unit) => unit !== 0x7f)
      .map((unit) => String.fromCharCode(unit)),
    maxLength: 60,
  })
  .map((value) => value.trim())
const numberLike = fc
  .oneof(
    fc.constantFrom(
      '-1',
      '1e3',
      '0x10',
      ' ',
      '',
      '+5',
      '5.0',
      '5,5',
      '5 5',
      '0'.repeat(30),
      '9'.repeat(400),
      'NaN',
      'Infinity',
      '٥',
      '5\u00a0',
      '\u00b2',
      '00005',
    ),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    fc.double().map(String),
    fc
      .tuple(
        fc.constantFrom('+', '-', '0x', '0b', ' ', '_', ''),
        fc.nat(),
        fc.constantFrom('', ' ', 'e3', '.5', 'n', ';', ','),
      )
      .map((parts) => parts.join('')),
    anyValue,
  )
  .map((value) => Buffer.from(value, 'latin1').toString('latin1'))
const TUS: readonly [string, string] = ['Tus-Resumable', '1.0.0']
const TYPE: readonly [string, string] = ['Content-Type', 'application/offset+octet-stream']
/** More than the witness still takes, so that even the right offset may not change it. */
const TOO_MUCH = 'x'.repeat(20)
const HEADERS = [
  'Tus-Resumable',
  'Upload-Length',
  'Upload-Defer-Length',
  'Upload-Offset',
  'Upload-Metadata',
  'Upload-Concat',
  'Upload-Checksum',
  'Content-Type',
  'X-HTTP-Method-Override',
  'Repr-Digest',
  'Want-Repr-Digest',
  'Trailer',
  'Range',
  'If-Match',
  'If-None-Match',
  'If-Range',
  'If-Modified-Since',
  'Authorization',
  'Origin',
  'Content-Encoding',
  'Expect',
  'Upload-Complete',
  'Upload-Draft-Interop-Version',
  'Upgrade',
  'Cookie',
  'Access-Control-Request-Method',
  'Access-Control-Request-Headers',
  '__proto__',
  'constructor',
  'Accept-Encoding',
  'TE',
  'Keep-Alive',
]

describe('Bad input changes nothing and is told what is wrong:', () => {
  test('lengths', async () => {
    const length = fc.record({
      length: fc.option(numberLike),
      defer: fc.option(fc.oneof(numberLike, fc.constant('1'))),
    })
    await check(
      length.map(({ length, defer }) => {
        const headers: [string, string][] = []
        if (length !== null) headers.push(['Upload-Length', length])
        if (defer !== null) headers.push(['Upload-Defer-Length', defer])
        return bytesOf({ method: 'POST', target: '/files/', headers: [TUS, ...headers] })
      }),
      1500,
    )
  })

  test('offsets, and lengths told late', async () => {
    await check(
      fc.record({ offset: numberLike, length: fc.option(numberLike) }).map(({ offset, length }) => {
        const late = length === null ? [] : [['Upload-Length', length] as const]
        return bytesOf({ headers: [TUS, TYPE, ['Upload-Offset', offset], ...late], body: TOO_MUCH })
      }),
      1500,
    )
  })

  test('metadata', async () => {
    const base64ish = fc.string({
      unit: fc.constantFrom('A', 'Q', '=', '-', '_', '+', '/', ' ', ',', 'z', '%', '\u00ff', '\t'),
      maxLength: 30,
    })
    const value = fc.oneof(
      anyValue,
      base64ish,
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    )
    const key = fc.oneof(
      fc.constantFrom('filename', 'filetype', 'name', 'type', 'contentType', '__proto__', ''),
      anyValue,
    )
    await check(
      fc.array(fc.tuple(key, value), { maxLength: 5 }).map((pairs) => {
        const metadata = pairs.map(([key, value]) => `${key} ${value}`).join(',')
        return bytesOf({
          method: 'POST',
          target: '/files/',
          headers: [TUS, ['Upload-Length', '5'], ['Upload-Metadata', metadata]],
        })
      }),
      1500,
    )
  })

  test('paths', async () => {
    const id = '0123456789abcdef0123456789abcdef'
    const fragment = fc.constantFrom(
      '/',
      '//',
      '/files/',
      '/files',
      'files',
      '..',
      '.',
      '%00',
      '%2e%2e',
      '%2f',
      '%5c',
      '\\',
      '%',
      '%zz',
      '%c0%af',
      '%ff',
      '%e0%80%af',
      ';',
      '?',
      '#',
      '&',
      '=',
      '*',
      id,
      id.toUpperCase(),
      id.slice(1),
      '\u00e9',
      '\u009b',
      'a'.repeat(3000),
      'http://',
      'https://evil.example/',
      'localhost',
      '@',
      ':',
      '/health',
      '/ready',
      '/assets/',
      '/__proto__',
      '~',
      '$',
      '\u00ff',
    )
    const target = fc.array(fragment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''))
    const rooted = fc.oneof(
      target,
      target.map((text) => `/${text}`),
      target.map((text) => `/files/${text}`),
    )
    const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'PUT')
    await check(
      fc
        .record({ method, target: rooted })
        .map(({ method, target }) =>
          bytesOf({ method, target, headers: [TUS, TYPE, ['Upload-Offset', '0']] }),
        ),
      2000,
    )
  })

  test('methods and their overrides', async () => {
    const known = fc.constantFrom(
      'GET',
      'HEAD',
      'OPTIONS',
      'PUT',
      'TRACE',
      'CONNECT',
      'PROPFIND',
      'QUERY',
      'PURGE',
      'M-SEARCH',
      'PATCH',
      'POST',
      'LOCK',
      'REPORT',
    )
    const method = fc.oneof(
      known,
      fc.stringMatching(/^[A-Za-z-]{1,30}$/).filter((text) => text !== 'DELETE'),
    )
    const override = fc
      .oneof(known, anyValue, fc.constantFrom('delete ', 'DELETE,', 'GET\tDELETE'))
      .filter((text) => text.trim().toUpperCase() !== 'DELETE')
    await check(
      fc.record({ method, override: fc.option(override) }).map(({ method, override }) => {
        const overridden = override === null ? [] : [['X-HTTP-Method-Override', override] as const]
        const headers = [TUS, TYPE, ['Upload-Offset', '5'] as const, ...overridden]
        const bodiless = method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'CONNECT'
        return bytesOf({ method, headers, ...(bodiless ? {} : { body: TOO_MUCH }) })
      }),
      1000,
    )
  })

  test('headers of any value', async () => {
    await check(
      fc
        .record({ name: fc.constantFrom(...HEADERS), value: anyValue, create: fc.boolean() })
        .map(({ name, value, create }) => {
          // A header that is given replaces the right one.
          const right = create
            ? [TUS, ['Upload-Length', '5'] as const]
            : [TUS, TYPE, ['Upload-Offset', '5'] as const]
          const headers = [...right.filter(([other]) => other !== name), [name, value] as const]
          if (name === 'X-HTTP-Method-Override' && /^delete$/i.test(value))
            return bytesOf({ method: 'OPTIONS', headers: [] })
          return create
            ? bytesOf({ method: 'POST', target: '/files/', headers })
            : bytesOf({ headers, body: TOO_MUCH })
        }),
      2000,
    )
  })

  test('headers that come twice', async () => {
    const values: Readonly<Record<string, string[]>> = {
      'Tus-Resumable': ['1.0.0', '0.2.2'],
      'Upload-Offset': ['5', '0'],
      'Upload-Length': ['10', '5'],
      'Content-Type': [TYPE[1], 'text/plain'],
      'Content-Length': ['20', '21', '0'],
      'Transfer-Encoding': ['chunked', 'gzip', 'identity'],
      Host: ['localhost', 'evil.example'],
      Origin: ['http://localhost', 'https://evil.example'],
      'Upload-Metadata': ['a YQ==', 'a Yg=='],
      'Upload-Defer-Length': ['1', '0'],
      'X-HTTP-Method-Override': ['PATCH', 'HEAD'],
      'Upload-Concat': ['partial', 'final;/files/x'],
    }
    const double = fc.constantFrom(...Object.keys(values)).chain((name) => {
      const value = fc.constantFrom(...(values[name] ?? []))
      return fc.record({ name: fc.constant(name), first: value, second: value, create: fc.boolean() })
    })
    await check(
      double.map(({ name, first, second, create }) => {
        const right = create
          ? [TUS, ['Upload-Length', '10'] as const]
          : [TUS, TYPE, ['Upload-Offset', '5'] as const]
        const headers = [
          ...right.filter(([other]) => other !== name),
          [name, first] as const,
          [name.toLowerCase(), second] as const,
        ]
        return create
          ? bytesOf({ method: 'POST', target: '/files/', headers })
          : bytesOf({ headers, body: TOO_MUCH })
      }),
      500,
      { alone: true },
    )
  })

  test('bodies longer and shorter than declared', async () => {
    const body = fc.record({
      declared: fc.integer({ min: 6, max: 3000 }),
      sent: fc.nat(3000),
      chunked: fc.boolean(),
      create: fc.boolean(),
    })
    await check(
      body.map(({ declared, sent, chunked, create }) => {
        const framing: [string, string] = chunked
          ? ['Transfer-Encoding', 'chunked']
          : ['Content-Length', String(declared)]
        const bytes = 'y'.repeat(sent)
        const content = chunked ? `${declared.toString(16)}\r\n${bytes}\r\n0\r\n\r\n` : bytes
        const target = create
          ? [['Upload-Length', String(declared + 5)] as const]
          : [['Upload-Offset', '5'] as const]
        // Of the witness only bodies that are too long by their own words.
        const headers = [TUS, TYPE, ...target, framing]
        const start = create ? { method: 'POST', target: '/files/' } : {}
        return chunked && !create
          ? bytesOf({ headers: [TUS, TYPE, ['Upload-Offset', '6'], framing] }) + content
          : bytesOf({ ...start, headers }) + content
      }),
      150,
      { alone: true, endAfter: 1000 },
    )
  })

  test('bytes that are almost a request', async () => {
    // Three changed bytes cannot make the version the right one.
    const base = (): string =>
      bytesOf({ headers: [['Tus-Resumable', '9.9.9.9'], TYPE, ['Upload-Offset', '5']], body: TOO_MUCH })
    const change = fc.record({
      at: fc.nat(400),
      remove: fc.nat(3),
      insert: fc.string({ unit: fc.nat(255).map((unit) => String.fromCharCode(unit)), maxLength: 3 }),
    })
    await check(
      fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) =>
        changes.reduce((text, { at, remove, insert }) => {
          const from = at % text.length
          return text.slice(0, from) + insert + text.slice(from + remove)
        }, base()),
      ),
      1000,
      { alone: true, endAfter: 400 },
    )
  })
})

test('All of that were more than 10,000 cases, and the server still answers', async () => {
  expect(cases).toBeGreaterThanOrEqual(10_000)
  expect((await patch(witness, 5, 'world')).headers['tus-complete']).toBe('1')
})
