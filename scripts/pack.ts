// `npm run pack`: builds every public package into build/<folder>/ the way it is published, and packs it.
// In the repository `exports` name the sources; a published package names what was built from them.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { build } from 'tsdown'
import { root } from './tool.ts'

type Manifest = {
  name: string
  version: string
  private?: boolean
  exports?: Record<string, string>
  bin?: Record<string, string>
  dependencies?: Record<string, string>
  devDependencies?: unknown
  scripts?: unknown
}

/** `importable`: it has exports; the command line has none. */
export type Packed = Readonly<{ name: string; folder: string; tarball: string; importable: boolean }>

interface PackOptions {
  /** Where a folder for each package is made; `build/` unless given. */
  readonly to?: string
  /** Declarations take most of the time, and nothing that runs needs them. */
  readonly types?: boolean
}

/** Builds and packs. Throws with the compiler's output when a package cannot be built. */
export async function packAll({
  to = join(root, 'build'),
  types = true,
}: PackOptions = {}): Promise<Packed[]> {
  const packed: Packed[] = []
  for (const folder of readdirSync(join(root, 'packages'))) {
    const from = join(root, 'packages', folder)
    const manifest = readManifest(from)
    if (manifest.private !== true) packed.push(await packOne(from, join(to, folder), manifest, types))
  }
  return packed
}

/**
 * Builds one package as it is published, without declarations: to run it.
 * @param folder - its folder below `packages/`
 * @param to - is made anew; below the root of the repository, where its dependencies are found
 */
export async function buildToRun(folder: string, to: string): Promise<void> {
  const from = join(root, 'packages', folder)
  await compile(from, to, readManifest(from), false)
}

async function compile(from: string, to: string, manifest: Manifest, types: boolean): Promise<void> {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(to, { recursive: true })
  const starts = [
    ...Object.values(manifest.exports ?? {}),
    ...Object.values(manifest.bin ?? {}),
    ...workers(from),
  ]
  await build({
    config: false,
    cwd: from,
    tsconfig: join(from, 'tsconfig.json'),
    entry: Object.fromEntries(starts.map((path) => [inside(path).replace(/\.ts$/, ''), join(from, path)])),
    outDir: join(to, 'dist'),
    format: 'esm',
    platform: 'neutral',
    fixedExtension: false,
    unbundle: true, // every module keeps its place, so that new URL('./worker.js', import.meta.url) finds it
    sourcemap: true,
    dts: types && { sourcemap: true },
    logLevel: 'warn',
    failOnWarn: true,
    deps: { neverBundle: true },
    plugins: [
      {
        name: 'worker-urls',
        // As many characters as before: the source map stays right.
        transform: (code) =>
          code.search(workerUrl) < 0 ? null : { code: code.replace(workerUrl, '$1.js$2'), map: null },
      },
    ],
    suppressWarnings: [/TypeScript 7\.0 does not yet have a stable API/],
  })
}

async function packOne(from: string, to: string, manifest: Manifest, types: boolean): Promise<Packed> {
  await compile(from, to, manifest, types)
  const { private: _, devDependencies: __, scripts: ___, ...published } = manifest
  const output = {
    ...published,
    files: ['dist'],
    exports: mapValues(manifest.exports, (path) => ({
      types: built(path, '.d.ts'),
      default: built(path, '.js'),
    })),
    bin: mapValues(manifest.bin, (path) => built(path, '.js')),
    dependencies: mapValues(manifest.dependencies, (range, name) => versions().get(name) ?? range),
  }
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(output, null, 2)}\n`)
  cpSync(join(root, 'LICENSE'), join(to, 'LICENSE'))
  if (existsSync(join(from, 'README.md'))) cpSync(join(from, 'README.md'), join(to, 'README.md'))
  const shell = process.platform === 'win32'
  const listed = execFileSync('npm', ['pack', '--json', '--loglevel=error'], {
    cwd: to,
    encoding: 'utf8',
    shell,
  })
  const [{ filename }] = JSON.parse(listed)
  return {
    name: manifest.name,
    folder: to,
    tarball: join(to, filename),
    importable: manifest.exports !== undefined,
  }
}

// A worker is started from its file, which no import leads to. Its name says what it is: worker.ts, *-worker.ts.
const workers = (from: string) => globSync('src/**/{worker,*-worker}.ts', { cwd: from })
const workerUrl = /(new URL\(\s*'\.[^']*worker)\.ts('\s*,\s*import\.meta\.url)/g

const inside = (path: string) => relative('src', path).split('\\').join('/')
const built = (path: string, ending: string) => `./dist/${inside(path).replace(/\.ts$/, ending)}`

/** Versions of the packages of this repository: what they ask of each other is exactly what was built together. */
function versions(): Map<string, string> {
  const manifests = readdirSync(join(root, 'packages')).map((folder) =>
    readManifest(join(root, 'packages', folder)),
  )
  return new Map(manifests.map(({ name, version }) => [name, version]))
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

function mapValues<A, B>(map: Record<string, A> | undefined, change: (value: A, key: string) => B) {
  return map && Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]))
}

if (import.meta.main) {
  for (const { name, tarball } of await packAll()) console.log(`${name}  ${relative(root, tarball)}`)
}
