import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readConfig, readConfigFile } from './config.ts'
import { ConfigError } from './config-error.ts'

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
const read = (env: Readonly<Record<string, string>>, file: Readonly<Record<string, unknown>> = {}) =>
  readConfig({ argv: [], env, file, warn: () => {} })

describe('The webhook settings', () => {
  test('are a URL that is used as it stands and a key', () => {
    const url = 'https://user:pass@hooks.example/in/?tenant=1'
    const config = read({ PAWL_WEBHOOK_URL: url, PAWL_WEBHOOK_SECRET: SECRET })
    expect(config.webhookUrl).toBe(url)
    expect(config.webhookSecret).toEqual(Buffer.alloc(24, 7))
  })

  test('stop the start when the user or the password is not percent-encoded, without showing them', () => {
    for (const user of ['us%er:pass', 'user:pa%ss']) {
      const url = `https://${user}@hooks.example/`
      expect(() => read({ PAWL_WEBHOOK_URL: url, PAWL_WEBHOOK_SECRET: SECRET })).toThrow(
        /^PAWL_WEBHOOK_URL is "…", but must be a URL whose user and password are in percent-encoding/,
      )
    }
  })

  test('take a secret of 24 printable characters as it is', () => {
    expect(read({ PAWL_WEBHOOK_SECRET: 'a'.repeat(24) }).webhookSecret).toEqual(Buffer.alloc(24, 'a'))
  })

  test('stop the start when there is a URL and no secret', () => {
    expect(() => read({ PAWL_WEBHOOK_URL: 'https://hooks.example' })).toThrow(
      /PAWL_WEBHOOK_URL needs PAWL_WEBHOOK_SECRET/,
    )
  })

  test.each([
    '',
    'a'.repeat(23),
    'whsec_',
    'whsec_****',
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    'ä'.repeat(24),
  ])('stop the start when the secret is %j, without showing it', (secret) => {
    expect(() => read({ PAWL_WEBHOOK_SECRET: secret })).toThrow(/^PAWL_WEBHOOK_SECRET is "…", but must be/)
  })

  test.each(['hooks.example', 'ftp://hooks.example', ''])('stop the start when the URL is %j', (url) => {
    expect(() => read({ PAWL_WEBHOOK_URL: url, PAWL_WEBHOOK_SECRET: SECRET })).toThrow(ConfigError)
  })
})

describe('Hooks', () => {
  const beforeCreate = () => undefined

  test('are functions under the key hooks, with a time-out as text or milliseconds', () => {
    expect(read({}, { hooks: { beforeCreate } }).hooks).toEqual({ beforeCreate, timeout: 10_000 })
    expect(read({}, { hooks: { timeout: '2s' } }).hooks).toEqual({ timeout: 2000 })
    expect(read({}, { hooks: { timeout: 300 } }).hooks).toEqual({ timeout: 300 })
  })

  test.each([
    ['text', 'console.log(1)', /must be an object with functions/],
    ['something that is no function', { beforeFinish: 'no' }, /hooks\.beforeFinish must be a function/],
    ['a hook that does not exist', { beforeCreated: beforeCreate }, /did you mean beforeCreate\?/],
    ['a time-out of no length', { timeout: 0 }, /must be a time span/],
  ])('stop the start when they are %s', (_what, hooks, message) => {
    expect(() => read({}, { hooks })).toThrow(message)
  })

  test('come from a file that is written with defineConfig', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pawl-config-'))
    try {
      const source = new URL('./define-config.ts', import.meta.url).href
      await writeFile(
        join(folder, 'pawl.config.ts'),
        `import { defineConfig } from '${source}'
         export default defineConfig({
           port: 0,
           uploadTtl: '2h',
           hooks: { beforeFinish: ({ size }) => (size === 1 ? { reject: { message: 'too small' } } : undefined) },
         })`,
      )
      const config = read({}, await readConfigFile(folder))
      expect(config).toMatchObject({ port: 0, uploadTtl: 7_200_000 })
      expect(config.hooks.beforeFinish).toBeTypeOf('function')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
