/**
 * Settings: `--flag`, then environment, then `pawl.config.ts`, then the default; checked once, frozen, and
 * wrong ones stop the start. Every setting stands in the table below or it does not exist.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError, nearest } from './config-error.ts'
import { hooks } from './config-hooks.ts'
import * as value from './config-values.ts'
import { NO_HOOKS } from './uploads/hooks.ts'

const SETTINGS = {
  host: { type: value.text, default: '127.0.0.1' },
  port: { type: value.port, default: 8080 },
  data: { type: value.text, default: './data' },
  databaseUrl: { type: value.databaseUrl, default: undefined },
  blobsUrl: { type: value.blobsUrl, default: undefined },
  redirectDownloads: { type: value.signatureLife, default: undefined },
  jwtSecret: { type: value.secret, default: undefined },
  jwksUrl: { type: value.httpUrl, default: undefined },
  jwtIssuer: { type: value.text, default: undefined },
  jwtAudience: { type: value.text, default: undefined },
  trustedProxies: { type: value.addresses, default: [] as readonly string[] },
  publicUrl: { type: value.baseUrl, default: undefined },
  uploadTtl: { type: value.duration, default: 24 * 60 * 60 * 1000 },
  maxSize: { type: value.size, default: 50_000_000_000 },
  reserve: { type: value.size, default: 1_000_000_000 },
  quotaOwner: { type: value.size, default: undefined },
  quotaBucket: { type: value.size, default: undefined },
  idleTimeout: { type: value.duration, default: 60_000 },
  minRate: { type: value.sizePerSecond, default: undefined },
  maxOpen: { type: value.count, default: 1000 },
  maxActive: { type: value.count, default: 500 },
  rate: { type: value.perSecond, default: undefined },
  metricsPort: { type: value.port, default: undefined },
  durability: { type: value.oneOf('complete', 'every-ack'), default: 'complete' },
  interim: { type: value.oneOf('auto', 'on', 'off'), default: 'auto' },
  storagePrefix: { type: value.mountPath, default: '/storage/v1' },
  policies: { type: value.policies, default: undefined },
  importAllow: { type: value.networksInFile, default: [] as readonly string[] },
  webhookUrl: { type: value.endpoint, default: undefined },
  webhookSecret: { type: value.webhookSecret, default: undefined },
  hooks: { type: hooks, default: NO_HOOKS },
  corsOrigins: { type: value.origins, default: ['*'] as readonly string[] },
  dev: { type: value.flag, default: false },
  log: { type: value.oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), default: 'info' },
} as const

type Name = keyof typeof SETTINGS
type Value<N extends Name> = ReturnType<(typeof SETTINGS)[N]['type']> | (typeof SETTINGS)[N]['default']
export type Config = { readonly [N in Name]: Value<N> }

export interface ConfigSources {
  /** Arguments after the command, such as `--port 0`. */
  readonly argv?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Contents of `pawl.config.ts`. */
  readonly file?: Readonly<Record<string, unknown>>
  /** Told what is odd but harmless; `console.warn` unless given. */
  readonly warn?: (message: string) => void
}

/** @throws ConfigError naming the setting, where it came from, and what it may be */
export function readConfig({ argv = [], env = {}, file = {}, warn = console.warn }: ConfigSources): Config {
  const given = new Map<string, { value: unknown; source: string }>()
  for (const [key, entry] of Object.entries(file)) {
    if (entry !== undefined)
      given.set(known(key, `the key ${key} in pawl.config.ts`), { value: entry, source: key })
  }
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('PAWL_') || text === undefined || isInjected(variable, text)) continue
    const key = camelCase(variable.slice('PAWL_'.length).toLowerCase(), '_')
    if (Object.hasOwn(SETTINGS, key)) given.set(known(key, variable), { value: text, source: variable })
    else warn(`${variable} is not a setting${suggest(variable, names().map(environmentName))}`)
  }
  for (const [flag, text] of flags(argv)) {
    const key = camelCase(flag, '-')
    given.set(known(key, `--${flag}`), { value: text, source: `--${flag}` })
  }
  const config = Object.fromEntries(
    names().map((name) => {
      const entry = given.get(name)
      const setting = SETTINGS[name]
      return [name, entry === undefined ? setting.default : setting.type(entry.value, entry.source)]
    }),
  ) as Config
  check(config)
  return Object.freeze(config)
}

/** Reads `pawl.config.ts` (or `.js`, `.mjs`) of the folder, if there is one. @throws ConfigError */
export async function readConfigFile(folder: string): Promise<Readonly<Record<string, unknown>>> {
  for (const name of ['pawl.config.ts', 'pawl.config.mjs', 'pawl.config.js']) {
    const path = resolve(folder, name)
    if (!existsSync(path)) continue
    const module: unknown = await import(pathToFileURL(path).href).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      throw new ConfigError(`${name} could not be read: ${why}`)
    })
    const contents =
      typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
    if (typeof contents === 'object' && contents !== null) return { ...contents }
    throw new ConfigError(`${name} must have a default export with the settings`)
  }
  return {}
}

function check(config: Config): void {
  if (config.webhookUrl !== undefined && config.webhookSecret === undefined) {
    throw new ConfigError(
      'PAWL_WEBHOOK_URL needs PAWL_WEBHOOK_SECRET: without a signature a receiver cannot tell events from forgeries',
    )
  }
  if (config.databaseUrl !== undefined && config.jwtSecret === undefined) {
    throw new ConfigError(
      'PAWL_DATABASE_URL needs PAWL_JWT_SECRET: with a secret of its own, each node would refuse what the others signed',
    )
  }
  if (config.databaseUrl !== undefined && config.blobsUrl === undefined) {
    throw new ConfigError(
      "PAWL_DATABASE_URL needs PAWL_BLOBS_URL: nodes that share records must reach each other's bytes",
    )
  }
  const loopback = ['127.0.0.1', '::1', 'localhost'].includes(config.host)
  if (config.dev && !loopback) {
    throw new ConfigError(
      `development mode (PAWL_DEV) opens uploads to everyone, so it binds loopback only: not ${config.host}`,
    )
  }
}

function names(): Name[] {
  return Object.keys(SETTINGS) as Name[]
}

function known(key: string, source: string): Name {
  if (Object.hasOwn(SETTINGS, key)) return key as Name
  throw new ConfigError(`${source} is not a setting${suggest(key, names())}`)
}

function suggest(word: string, words: readonly string[]): string {
  const match = nearest(word, words)
  return match === undefined ? '' : `: did you mean ${match}?`
}

/** Container platforms inject these for a service that is named "pawl". */
function isInjected(variable: string, text: string): boolean {
  return (
    /^PAWL_SERVICE_(HOST|PORT)(_|$)/.test(variable) ||
    /^PAWL_PORT_\d+_(TCP|UDP|SCTP)(_|$)/.test(variable) ||
    (variable === 'PAWL_PORT' && /^(tcp|udp|sctp):\/\//.test(text))
  )
}

function* flags(argv: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i < argv.length; i += 1) {
    const argument = argv[i] ?? ''
    const match = /^--([a-z][a-z-]*)(?:=(.*))?$/s.exec(argument)
    const flag = match?.[1]
    if (flag === undefined)
      throw new ConfigError(`${argument} is not understood: settings look like --port 8080`)
    if (match?.[2] !== undefined) yield [flag, match[2]]
    else if (flag === 'dev' && !/^[01]$/.test(argv[i + 1] ?? '')) yield [flag, '1']
    else {
      i += 1
      const next = argv[i]
      if (next === undefined) throw new ConfigError(`--${flag} needs a value`)
      yield [flag, next]
    }
  }
}

function camelCase(words: string, separator: string): string {
  return words
    .split(separator)
    .map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join('')
}

function environmentName(name: string): string {
  return `PAWL_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}
