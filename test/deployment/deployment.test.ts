/**
 * The files of `deploy/` that no engine runs here: against the schemas that engines check them with, and with the
 * settings that the server knows. That nginx, HAProxy and the steps of the Dockerfile run is tested elsewhere.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../packages/server/src/index.ts'
import { tool } from '../../scripts/tool.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** `npm test` installs what they are checked with. */
const vendor = createRequire(join(import.meta.dirname, 'package.json'))
const installed = existsSync(join(import.meta.dirname, 'node_modules'))

interface Yaml {
  parse(text: string, options: { merge: boolean }): unknown
  parseAllDocuments(text: string): { toJS(): unknown }[]
}
interface Ajv {
  new (options: object): { compile(schema: object): ((data: unknown) => boolean) & { errors?: unknown } }
}
interface Compose {
  services: Record<
    string,
    { environment?: Record<string, string>; volumes?: string[]; build?: { dockerfile: string } }
  >
}
interface Manifest {
  apiVersion: string
  kind: string
  stringData?: Record<string, string>
  data?: Record<string, string>
  spec?: { template?: { spec: { containers: { env?: { name: string; value: string }[] }[] } } }
}

const compose = (): Compose =>
  (vendor('yaml') as Yaml).parse(read('deploy/compose.yaml'), { merge: true }) as Compose
const manifests = (): Manifest[] =>
  globSync('deploy/kubernetes/*.yaml', { cwd: root })
    .sort()
    .flatMap((path) => (vendor('yaml') as Yaml).parseAllDocuments(read(path)))
    .map((document) => document.toJS() as Manifest)
    .filter(({ kind }) => kind !== 'Kustomization')

/** What the server makes of variables: settings that it does not know, and what it says of wrong values. */
function complaints(env: Readonly<Record<string, string>>): string[] {
  const said: string[] = []
  try {
    readConfig({ env, warn: (message) => said.push(message) })
  } catch (error) {
    said.push(String(error))
  }
  return said
}

describe.skipIf(!installed)('deploy/', () => {
  test('compose.yaml is what the Compose Specification allows', () => {
    const Ajv = (vendor('ajv') as { default: Ajv }).default
    const folder = dirname(vendor.resolve('dclint/package.json'))
    // It names its own language with an address that the checker does not know.
    const { $schema: _, ...schema } = JSON.parse(
      readFileSync(join(folder, 'schemas/compose.schema.json'), 'utf8'),
    )
    const check = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema)
    expect(check(compose()) ? [] : check.errors).toEqual([])
    // A misspelt key is noticed: otherwise the line above says nothing.
    expect(check({ services: { pawl: { image: 'pawl', restrat: 'always' } } })).toBe(false)
  })

  test('compose.yaml gives the server only what it knows, and names files that are there', () => {
    const { services } = compose()
    for (const name of ['pawl-1', 'pawl-2']) {
      const env = Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [
        key,
        value.replaceAll(/\$\{\w+:\?[^}]*\}/g, 'a-secret-of-more-than-32-characters'),
      ])
      expect(complaints(Object.fromEntries(env))).toEqual([])
      expect(existsSync(join(root, services[name]?.build?.dockerfile ?? ''))).toBe(true)
    }
    for (const volume of services.nginx?.volumes ?? [])
      expect(existsSync(join(root, 'deploy', volume.split(':')[0] ?? ''))).toBe(true)
  })

  test('the manifests are what Kubernetes knows, without a field too many', () => {
    // Types know what the schemas of Kubernetes leave open: a misspelt name.
    const lines = manifests().map(
      (manifest, i) =>
        `export const m${i}: import('kubernetes-models/${manifest.apiVersion}').I${manifest.kind} = ${JSON.stringify(manifest)}`,
    )
    expect(lines).toHaveLength(10)
    expect(typeErrors(lines)).toEqual([])
    expect(typeErrors(lines.map((line) => line.replace('periodSeconds', 'periodSecond')))).toHaveLength(2)
  })

  test('the manifests give the server only what it knows', () => {
    const all = manifests()
    const secret = all.find(({ kind }) => kind === 'Secret')?.stringData ?? {}
    const env = all.flatMap(({ spec }) => spec?.template?.spec.containers.flatMap((it) => it.env ?? []) ?? [])
    expect(env.length).toBeGreaterThan(0)
    expect(
      complaints({ ...secret, ...Object.fromEntries(env.map(({ name, value }) => [name, value])) }),
    ).toEqual([])
  })

  test('nginx has the tested configuration in Kubernetes too', () => {
    const map = manifests().find(({ kind }) => kind === 'ConfigMap')?.data?.['default.conf']
    const tested = read('deploy/nginx/pawl.conf')
      .replace('listen 80;', 'listen 8080;')
      .replace(/(^ *server pawl-\d.*\n)+/m, '  server pawl:8080 fail_timeout=1s;\n')
    expect(map).toBe(tested)
  })
})

test('every setting that a file of deploy/ speaks of exists', () => {
  const known = new Set(read('docs/settings.md').match(/PAWL_[A-Z_]+/g))
  for (const path of globSync('deploy/**/*', { cwd: root, withFileTypes: true })) {
    if (!path.isFile()) continue
    const text = readFileSync(join(path.parentPath, path.name), 'utf8')
    for (const [name] of text.matchAll(/\bPAWL_[A-Z_]+/g))
      expect(known, `${path.name}: ${name}`).toContain(name)
  }
})

/** What the compiler says of a module beside the packages that the manifests are checked with. */
function typeErrors(lines: readonly string[]): string[] {
  const folder = mkdtempSync(join(import.meta.dirname, 'node_modules/.check-'))
  try {
    writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'))
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          noEmit: true,
          skipLibCheck: true,
          module: 'nodenext',
          types: [],
        },
        files: ['manifests.ts'],
      }),
    )
    const { stdout } = spawnSync(process.execPath, [tool('typescript', 'tsc'), '-p', folder], {
      encoding: 'utf8',
    })
    return stdout.split('\n').filter((line) => line.includes('error TS'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
