import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Config, readConfig, readConfigFile } from './config.ts'
import { ConfigError } from './config-error.ts'

interface Sources {
  argv?: readonly string[]
  env?: Readonly<Record<string, string | undefined>>
  file?: Readonly<Record<string, unknown>>
}

function read({ argv = [], env = {}, file = {} }: Sources): { config: Config; warnings: string[] } {
  const warnings: string[] = []
  return { config: readConfig({ argv, env, file, warn: (message) => warnings.push(message) }), warnings }
}

/** Every setting: its flag, its variable, its key, a text that is right, what that means, and wrong ones. */
const SETTINGS: readonly [
  flag: string,
  variable: string,
  key: keyof Config,
  text: string,
  meaning: unknown,
  wrong: string[],
][] = [
  ['host', 'PAWL_HOST', 'host', 'localhost', 'localhost', ['']],
  ['port', 'PAWL_PORT', 'port', '0', 0, ['65536', '-1', '80.5', '0x50', '', 'http', '1e3']],
  ['data', 'PAWL_DATA', 'data', '/srv/pawl', '/srv/pawl', ['']],
  [
    'blobs-url',
    'PAWL_BLOBS_URL',
    'blobsUrl',
    's3://bytes/live?endpoint=http://10.0.0.1:9000&forcePathStyle=true',
    {
      bucket: 'bytes',
      prefix: 'live/',
      endpoint: 'http://10.0.0.1:9000',
      region: undefined,
      forcePathStyle: true,
    },
    ['https://bytes', 's3://key:secret@bytes/', 's3://bytes/?style=path', ''],
  ],
  [
    'redirect-downloads',
    'PAWL_REDIRECT_DOWNLOADS',
    'redirectDownloads',
    '5m',
    300,
    ['8d', '100ms', 'on', ''],
  ],
  ['jwt-secret', 'PAWL_JWT_SECRET', 'jwtSecret', 's'.repeat(32), 's'.repeat(32), ['s'.repeat(31), '']],
  [
    'jwks-url',
    'PAWL_JWKS_URL',
    'jwksUrl',
    'https://id.example/keys',
    'https://id.example/keys',
    ['ftp://id.example', 'id.example', ''],
  ],
  ['jwt-issuer', 'PAWL_JWT_ISSUER', 'jwtIssuer', 'https://id.example/', 'https://id.example/', ['']],
  ['jwt-audience', 'PAWL_JWT_AUDIENCE', 'jwtAudience', 'pawl', 'pawl', ['']],
  [
    'public-url',
    'PAWL_PUBLIC_URL',
    'publicUrl',
    'https://up.example/',
    'https://up.example',
    ['up.example', 'javascript:alert(1)', 'https://up.example/?a=b', 'https://up.example/#a'],
  ],
  [
    'storage-prefix',
    'PAWL_STORAGE_PREFIX',
    'storagePrefix',
    '/api/storage/',
    '/api/storage',
    ['storage', '/', '/a/../b', '/files', '/admin/x', '/a b', ''],
  ],
  ['interim', 'PAWL_INTERIM', 'interim', 'off', 'off', ['maybe', '1', '']],
  [
    'upload-ttl',
    'PAWL_UPLOAD_TTL',
    'uploadTtl',
    '2h',
    7_200_000,
    ['2', '0s', '-1h', '2 weeks', '999999999d', ''],
  ],
  [
    'max-size',
    'PAWL_MAX_SIZE',
    'maxSize',
    '1.5gib',
    1.5 * 2 ** 30,
    ['big', '-1mb', '1e9', '5 eb', '0x10', ''],
  ],
  ['reserve', 'PAWL_RESERVE', 'reserve', '10mb', 10_000_000, ['10 megabytes', '']],
  ['idle-timeout', 'PAWL_IDLE_TIMEOUT', 'idleTimeout', '500ms', 500, ['60', 'never']],
  [
    'trusted-proxies',
    'PAWL_TRUSTED_PROXIES',
    'trustedProxies',
    '10.0.0.0/8, ::1',
    ['10.0.0.0/8', '::1'],
    ['proxy.example', '10.0.0.0/33', '10.0.0.0/', '::1/129', '10.0.0.1,,', ''],
  ],
  ['quota-owner', 'PAWL_QUOTA_OWNER', 'quotaOwner', '5gb', 5e9, ['much', '-1', '']],
  ['quota-bucket', 'PAWL_QUOTA_BUCKET', 'quotaBucket', '1tib', 2 ** 40, ['much', '-1', '']],
  ['min-rate', 'PAWL_MIN_RATE', 'minRate', '10kib/s', 10_240, ['0', 'slow', '-1kb', '']],
  ['max-open', 'PAWL_MAX_OPEN', 'maxOpen', '20', 20, ['0', '-1', '1.5', 'many', '']],
  ['max-active', 'PAWL_MAX_ACTIVE', 'maxActive', '20', 20, ['0', '-1', '1.5', 'many', '']],
  ['rate', 'PAWL_RATE', 'rate', '2.5', 2.5, ['0', '-1', 'fast', '']],
  ['metrics-port', 'PAWL_METRICS_PORT', 'metricsPort', '9090', 9090, ['65536', 'metrics', '']],
  ['durability', 'PAWL_DURABILITY', 'durability', 'every-ack', 'every-ack', ['always', '']],
  [
    'cors-origins',
    'PAWL_CORS_ORIGINS',
    'corsOrigins',
    'https://a.example, http://b.example:8080',
    ['https://a.example', 'http://b.example:8080'],
    ['https://a.example/', 'a.example', 'https://*.a.example', 'https://a.example,,', ''],
  ],
  ['dev', 'PAWL_DEV', 'dev', '1', true, ['yes', '', 'constructor', 'toString', '__proto__']],
  ['log', 'PAWL_LOG', 'log', 'warn', 'warn', ['loud', '']],
]

/** What cannot stand in the table: a URL that needs a secret beside it, and functions. See config-events.test.ts. */
const ELSEWHERE: readonly (keyof Config)[] = [
  'databaseUrl',
  'webhookUrl',
  'webhookSecret',
  'hooks',
  'policies',
  'importAllow',
]

describe.each(SETTINGS)('The setting --%s', (flag, variable, key, text, meaning, wrong) => {
  test('comes from a flag, as two arguments or as one', () => {
    expect(read({ argv: [`--${flag}=${text}`] }).config[key]).toEqual(meaning)
    expect(read({ argv: [`--${flag}`, text] }).config[key]).toEqual(meaning)
  })

  test(`comes from the variable ${variable}`, () => {
    expect(read({ env: { [variable]: text } })).toMatchObject({ config: { [key]: meaning }, warnings: [] })
  })

  test('comes from pawl.config.ts, as text', () => {
    expect(read({ file: { [key]: text } }).config[key]).toEqual(meaning)
  })

  test('is taken from the flag first, then the environment, then the file', () => {
    const file = { [key]: 'wrong in the file' }
    const env = { [variable]: text }
    expect(read({ argv: [`--${flag}=${text}`], env: { [variable]: 'wrong' }, file }).config[key]).toEqual(
      meaning,
    )
    expect(read({ env, file }).config[key]).toEqual(meaning)
  })

  test.each(wrong)('stops the start when it is %j, naming where it came from', (bad) => {
    expect(() => read({ argv: [`--${flag}=${bad}`] })).toThrow(new RegExp(`^--${flag} is .*, but must be`))
    expect(() => read({ env: { [variable]: bad } })).toThrow(new RegExp(`^${variable} is .*, but must be`))
    expect(() => read({ file: { [key]: bad } })).toThrow(ConfigError)
  })
})

describe('Settings', () => {
  test('all stand in the table above, or are named under it', () => {
    const known = [...SETTINGS.map(([, , key]) => key), ...ELSEWHERE]
    expect(Object.keys(read({}).config).sort()).toEqual(known.sort())
  })

  test('have the defaults of the public contract', () => {
    expect(read({}).config).toEqual({
      host: '127.0.0.1',
      port: 8080,
      data: './data',
      jwtSecret: undefined,
      jwksUrl: undefined,
      jwtIssuer: undefined,
      jwtAudience: undefined,
      publicUrl: undefined,
      uploadTtl: 24 * 60 * 60 * 1000,
      maxSize: 50e9,
      reserve: 1e9,
      idleTimeout: 60_000,
      trustedProxies: [],
      quotaOwner: undefined,
      quotaBucket: undefined,
      minRate: undefined,
      maxOpen: 1000,
      maxActive: 500,
      rate: undefined,
      metricsPort: undefined,
      durability: 'complete',
      webhookUrl: undefined,
      webhookSecret: undefined,
      hooks: { timeout: 10_000 },
      interim: 'auto',
      storagePrefix: '/storage/v1',
      policies: undefined,
      importAllow: [],
      corsOrigins: ['*'],
      dev: false,
      log: 'info',
    })
  })

  test('are frozen', () => {
    expect(Object.isFrozen(read({}).config)).toBe(true)
  })

  test('of a file may be values of their own kind', () => {
    const file = { port: 0, dev: true, corsOrigins: ['https://a.example'], maxSize: 5_000_000 }
    expect(read({ file }).config).toMatchObject(file)
  })

  test.each([
    { port: 1.5 },
    { port: '80a' },
    { dev: 'perhaps' },
    { corsOrigins: [] },
    { corsOrigins: [1] },
    { corsOrigins: {} },
    { host: 5 },
    { maxSize: null },
    { uploadTtl: Number.NaN },
    { jwtSecret: 12_345 },
  ])('of a file are refused when they are of another kind: %j', (file) => {
    expect(() => read({ file })).toThrow(ConfigError)
  })

  test('of a file that are undefined count as absent', () => {
    expect(read({ file: { port: undefined } }).config.port).toBe(8080)
  })
})

describe('A size', () => {
  test.each([
    ['0', 0],
    ['17', 17],
    ['17b', 17],
    ['1kb', 1e3],
    ['1mb', 1e6],
    ['1gb', 1e9],
    ['1tb', 1e12],
    ['1kib', 2 ** 10],
    ['1mib', 2 ** 20],
    ['1gib', 2 ** 30],
    ['1tib', 2 ** 40],
    ['16 MiB', 16 * 2 ** 20],
    ['0.5mb', 500_000],
  ])('of %s is %i bytes', (text, bytes) => {
    expect(read({ argv: ['--max-size', text] }).config.maxSize).toBe(bytes)
  })

  test('is never more than a number can hold exactly', () => {
    expect(() => read({ argv: ['--max-size', '999999999tib'] })).toThrow(ConfigError)
  })
})

describe('A name that is no setting', () => {
  test.each([
    ['--prot', 'port'],
    ['--max-sise', 'maxSize'],
    ['--cors-origin', 'corsOrigins'],
  ])('is an error as the flag %s, and the nearest name is offered', (flag, suggestion) => {
    expect(() => read({ argv: [flag, '1'] })).toThrow(`did you mean ${suggestion}?`)
  })

  test('is an error in the file, and the nearest name is offered', () => {
    expect(() => read({ file: { prot: 1 } })).toThrow(
      'the key prot in pawl.config.ts is not a setting: did you mean port?',
    )
  })

  test('is a warning in the environment, and the nearest name is offered', () => {
    expect(read({ env: { PAWL_MAXSIZE: '1' } }).warnings).toEqual([
      'PAWL_MAXSIZE is not a setting: did you mean PAWL_MAX_SIZE?',
    ])
  })

  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('is %s as any other', (name) => {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    expect(() => read({ argv: [`--${flag}`, 'x'] })).toThrow(ConfigError)
    expect(() => read({ file: JSON.parse(`{"${name}":{"dev":true}}`) as Record<string, unknown> })).toThrow(
      ConfigError,
    )
    const variable = `PAWL_${flag.replaceAll('-', '_').toUpperCase()}`
    expect(read({ env: { [variable]: 'x' } }).warnings).toHaveLength(1)
    expect(({} as { dev?: boolean }).dev).toBeUndefined()
  })

  test.each(['port', '-p', '--', '--Port', 'serve', ''])('is an error as the argument %j', (argument) => {
    expect(() => read({ argv: [argument] })).toThrow(ConfigError)
  })

  test('is an error as a flag without its value', () => {
    expect(() => read({ argv: ['--port'] })).toThrow('--port needs a value')
  })

  test('is whatever was generated: an error, or a config whose names are all known', () => {
    const known = [...SETTINGS.map(([, , key]) => key), ...ELSEWHERE]
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom(...known.map((key) => `--${key}`)))),
        (argv) => {
          try {
            expect(
              Object.keys(read({ argv }).config).every((key) => known.includes(key as keyof Config)),
            ).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError)
          }
        },
      ),
    )
  })
})

describe('The environment', () => {
  test('may hold what container platforms inject for a service named pawl', () => {
    const env = {
      PAWL_SERVICE_HOST: '10.0.0.1',
      PAWL_SERVICE_PORT: '8080',
      PAWL_SERVICE_PORT_HTTP: '8080',
      PAWL_PORT: 'tcp://10.0.0.1:8080',
      PAWL_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      PAWL_PORT_8080_TCP_PROTO: 'tcp',
      PAWL_PORT_8080_TCP_PORT: '8080',
      PAWL_PORT_8080_TCP_ADDR: '10.0.0.1',
    }
    expect(read({ env })).toMatchObject({ config: { port: 8080 }, warnings: [] })
  })

  test('of other programs is not looked at', () => {
    expect(read({ env: { PATH: '/bin', PORT: '1', pawl_port: '2', PAWLPORT: '3' } }).warnings).toEqual([])
  })
})

describe('A setting of the contract', () => {
  test.each([
    'databaseUrl',
    'blobsUrl',
    'trustedProxies',
    'quotaOwner',
    'quotaBucket',
    'minRate',
    'maxOpen',
    'maxActive',
    'rate',
    'interim',
    'metricsPort',
  ])('is there, and refuses what makes no sense: %s', (key) => {
    const words = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).split(' ')
    const sources: Sources[] = [
      { argv: [`--${words.join('-')}=\u0000`] },
      { env: { [`PAWL_${words.join('_').toUpperCase()}`]: '\u0000' } },
      { file: { [key]: '\u0000' } },
    ]
    for (const source of sources) expect(() => read(source)).toThrow(/must be/)
  })
})

describe('Records in Postgres', () => {
  const env = {
    PAWL_DATABASE_URL: 'postgres://pawl:hidden-word@db.example/pawl',
    PAWL_BLOBS_URL: 's3://bucket/prefix',
    PAWL_JWT_SECRET: 'x'.repeat(32),
  }

  test('take a URL, a secret that all nodes have, and bytes that all nodes reach', () => {
    expect(read({ env }).config).toMatchObject({ databaseUrl: env.PAWL_DATABASE_URL })
    expect(() => read({ env: { ...env, PAWL_JWT_SECRET: undefined } })).toThrow(/needs PAWL_JWT_SECRET/)
    expect(() => read({ env: { ...env, PAWL_BLOBS_URL: undefined } })).toThrow(/needs PAWL_BLOBS_URL/)
  })

  test('show no credentials of S3 either', () => {
    const wrong = { ...env, PAWL_BLOBS_URL: 's3://key:hidden-word@bucket/' }
    expect(() => read({ env: wrong })).toThrow(/without credentials/)
    expect(() => read({ env: wrong })).not.toThrow(/hidden-word/)
  })

  test('show no password when the URL is wrong', () => {
    const wrong = { ...env, PAWL_DATABASE_URL: 'mysql://pawl:hidden-word@db.example/pawl' }
    expect(() => read({ env: wrong })).toThrow(/PAWL_DATABASE_URL is .* must be/)
    expect(() => read({ env: wrong })).not.toThrow(/hidden-word/)
  })
})

describe('Development mode', () => {
  test.each(['127.0.0.1', '::1', 'localhost'])('binds %s', (host) => {
    expect(read({ argv: ['--dev', '--host', host] }).config.dev).toBe(true)
  })

  test.each(['0.0.0.0', '::', '192.168.1.2', 'example.org', '127.0.0.1.example.org'])(
    'does not bind %s',
    (host) => {
      expect(() => read({ argv: ['--dev', '--host', host] })).toThrow(/binds loopback only/)
    },
  )
})

test('An error about the secret does not repeat it', () => {
  expect(() => read({ env: { PAWL_JWT_SECRET: 'swordfish' } })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('swordfish') as string }),
  )
})

describe('pawl.config.ts', () => {
  async function inFolder<T>(
    files: Readonly<Record<string, string>>,
    work: (folder: string) => Promise<T>,
  ): Promise<T> {
    const folder = await mkdtemp(join(tmpdir(), 'pawl-config-'))
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
      return await work(folder)
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  test('may be absent', async () => {
    expect(await inFolder({}, readConfigFile)).toEqual({})
  })

  test.each(['pawl.config.ts', 'pawl.config.mjs', 'pawl.config.js'])('may be called %s', async (name) => {
    const text =
      name.endsWith('js') && !name.endsWith('mjs')
        ? 'module.exports = { port: 0 }'
        : 'export default { port: 0 }'
    expect(await inFolder({ [name]: text }, readConfigFile)).toMatchObject({ port: 0 })
  })

  test.each(['export default {', "import './nowhere.mjs'\nexport default {}", "throw new Error('mine')"])(
    'that cannot be read says so: %s',
    async (text) => {
      const reading = inFolder({ 'pawl.config.mjs': text }, readConfigFile)
      await expect(reading).rejects.toThrow(ConfigError)
      await expect(reading).rejects.toThrow(/^pawl\.config\.mjs could not be read: ./)
    },
  )

  test('must export its settings by default', async () => {
    await expect(inFolder({ 'pawl.config.mjs': 'export const port = 0' }, readConfigFile)).rejects.toThrow(
      ConfigError,
    )
  })
})

test('what imports may reach is said in the config file and nowhere else', () => {
  expect(read({}).config.importAllow).toEqual([])
  expect(read({ file: { importAllow: ['127.0.0.1', 'fd00::/8'] } }).config.importAllow).toEqual([
    '127.0.0.1',
    'fd00::/8',
  ])
  for (const source of [
    { env: { PAWL_IMPORT_ALLOW: '127.0.0.1' } },
    { argv: ['--import-allow', '127.0.0.1'] },
    { file: { importAllow: '127.0.0.1' } },
    { file: { importAllow: ['localhost'] } },
    { file: { importAllow: ['127.0.0.1/33'] } },
  ]) {
    expect(() => read(source)).toThrow(ConfigError)
  }
})
