/** The public packages as a folder of their own has them: built, packed, and unpacked or installed there. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Packed, packAll } from '../../../scripts/pack.ts'

const root = join(import.meta.dirname, '../../..')
const run = promisify(execFile)

/** What `npx` and `npm` run on is the first Node of the path. */
export const env = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
  ...more,
})

/** As `npm install *.tgz` does it, which asks the registry for what the packages need. */
export async function installInto(folder: string): Promise<void> {
  const packed = await packAll({ to: join(folder, 'build'), types: false })
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', ...flags, ...packed.map(({ tarball }) => tarball)], {
    cwd: folder,
    env: env(),
  })
}

/**
 * The same without the registry: each package gets links to what its manifest asks for, and to nothing else, so
 * that one which imports what it does not name cannot run.
 */
export async function unpackInto(folder: string): Promise<void> {
  const packed = await packAll({ to: join(folder, 'build'), types: false })
  for (const one of packed) await unpack(folder, one, new Set(packed.map(({ name }) => name)))
  await writeFile(join(folder, 'package.json'), '{}\n')
}

async function unpack(
  folder: string,
  { name, tarball, folder: built }: Packed,
  ours: ReadonlySet<string>,
): Promise<void> {
  const to = join(folder, 'node_modules', name)
  await mkdir(join(to, 'node_modules'), { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', to, '--strip-components=1'])
  const manifest: { dependencies?: Record<string, string>; bin?: Record<string, string> } = JSON.parse(
    await readFile(join(to, 'package.json'), 'utf8'),
  )
  const source = join(root, 'packages', built.slice(join(folder, 'build').length), 'node_modules')
  for (const dependency of Object.keys(manifest.dependencies ?? {})) {
    if (ours.has(dependency)) continue // hoisted beside it, as npm does
    const place = [source, join(root, 'node_modules')].map((it) => join(it, dependency)).find(existsSync)
    if (place === undefined) throw new Error(`${name} needs ${dependency}, which is not installed`)
    const link = join(to, 'node_modules', dependency)
    await mkdir(dirname(link), { recursive: true })
    await symlink(place, link)
  }
  const bin = join(folder, 'node_modules/.bin')
  await mkdir(bin, { recursive: true })
  for (const [command, path] of Object.entries(manifest.bin ?? {}))
    await symlink(join(to, path), join(bin, command))
}
