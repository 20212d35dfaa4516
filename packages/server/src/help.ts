/** What `--help` says, and docs/settings.md with it: a test compares the two. */
import type { Config } from './config.ts'

interface SettingHelp {
  /** What may stand behind the flag. */
  readonly value: string
  /** As a person would write it; undefined when there is none. */
  readonly default: string | undefined
  readonly meaning: string
}

/** Complete by type. Hooks, policies and what imports may reach stand in `pawl.config.ts` only. */
export const SETTING_HELP: Readonly<
  Record<Exclude<keyof Config, 'hooks' | 'policies' | 'importAllow'>, SettingHelp>
> = {
  host: { value: 'address', default: '127.0.0.1', meaning: 'where to listen' },
  port: { value: 'number', default: '8080', meaning: '0 picks a free one' },
  data: { value: 'folder', default: './data', meaning: 'bytes, catalog and the generated secret' },
  databaseUrl: {
    value: 'url',
    default: 'SQLite in the data folder',
    meaning: 'postgres://… for several nodes; set the blobs URL and the JWT secret too',
  },
  blobsUrl: {
    value: 'url',
    default: 'disk in the data folder',
    meaning: 's3://bucket/prefix?endpoint=…&region=…&forcePathStyle=true keeps bytes in S3',
  },
  redirectDownloads: {
    value: 'time | off',
    default: 'off',
    meaning: 'how long a signed S3 URL lives that downloads of objects of one segment are redirected to',
  },
  jwtSecret: {
    value: 'text',
    default: 'generated once into the data folder',
    meaning: 'signs and checks tokens (HS256), at least 32 bytes',
  },
  jwksUrl: { value: 'url', default: undefined, meaning: 'keys of another issuer: RS256, ES256, EdDSA' },
  jwtIssuer: { value: 'text', default: undefined, meaning: 'the issuer that tokens must name' },
  jwtAudience: { value: 'text', default: undefined, meaning: 'the audience that tokens must name' },
  publicUrl: {
    value: 'url',
    default: undefined,
    meaning: 'what clients see in front of /files/…; without it upload URLs are absolute paths',
  },
  trustedProxies: {
    value: 'list',
    default: undefined,
    meaning: 'addresses or networks whose X-Forwarded-For counts',
  },
  uploadTtl: {
    value: 'time',
    default: '24h',
    meaning: 'life of an unfinished upload after its last byte; it never cuts a running transfer',
  },
  maxSize: { value: 'size', default: '50gb', meaning: 'bytes one upload may have' },
  quotaOwner: { value: 'size', default: undefined, meaning: 'bytes one owner may hold' },
  quotaBucket: { value: 'size', default: undefined, meaning: 'bytes one bucket may hold' },
  reserve: {
    value: 'size',
    default: '1gb',
    meaning: 'disk kept free, so that DELETE and the sweep always work',
  },
  idleTimeout: {
    value: 'time',
    default: '60s',
    meaning: 'silence after which a transfer is cut, its bytes kept',
  },
  minRate: {
    value: 'size',
    default: undefined,
    meaning: 'bytes per second below which a transfer is cut, its bytes kept',
  },
  maxOpen: { value: 'number', default: '1000', meaning: 'unfinished uploads one owner may have' },
  maxActive: { value: 'number', default: '500', meaning: 'transfers at a time' },
  rate: { value: 'number', default: undefined, meaning: 'requests per second and client address' },
  durability: {
    value: 'complete | every-ack',
    default: 'complete',
    meaning: 'what a power cut cannot take: finished objects, or every byte that was acknowledged',
  },
  interim: {
    value: 'auto | on | off',
    default: 'auto',
    meaning: '104 answers to resumable requests; auto sends none through a proxy',
  },
  storagePrefix: { value: 'path', default: '/storage/v1', meaning: 'where Supabase Storage is spoken' },
  corsOrigins: { value: 'list', default: '*', meaning: 'origins whose pages may use the upload endpoints' },
  webhookUrl: { value: 'url', default: undefined, meaning: 'where events are sent' },
  webhookSecret: { value: 'text', default: undefined, meaning: 'signs events (whsec_…)' },
  metricsPort: {
    value: 'number',
    default: undefined,
    meaning: 'serves /metrics without a key; without it /metrics needs the service key',
  },
  dev: {
    value: '1 | 0',
    default: 'off; npm start sets it',
    meaning: 'development mode: /files/ is open, and only this machine may reach it',
  },
  log: {
    value: 'trace | debug | info | warn | error | fatal | silent',
    default: 'info',
    meaning: 'how much is logged',
  },
}

const INDENT = ' '.repeat(6)

export function helpText(): string {
  const settings = Object.entries(SETTING_HELP).map(([name, help]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <${help.value}>`
    const standard = help.default === undefined ? '' : ` (default: ${help.default})`
    return `  ${flag}\n${INDENT}${help.meaning}${standard}`
  })
  return `The Pawl server: resumable uploads that never lose a byte.

Every setting is a flag, an environment variable (--max-size is PAWL_MAX_SIZE) or a key of pawl.config.ts
(maxSize); the flag wins. Sizes: mb is a million bytes, mib is 2^20. Times: 500ms, 60s, 24h.

${settings.join('\n')}

  --help
${INDENT}this text
`
}
