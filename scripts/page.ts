// Builds the page into packages/web/dist when its sources changed. A bundler is only ever a child process:
// none stays in memory while the server runs.
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

const root = dirname(import.meta.dirname)
const web = join(root, 'packages', 'web')

/** Returns the folder of the built page, building it first when it is missing or older than its sources. */
export async function buildPage(say: (line: string) => void = console.error): Promise<string> {
  const dist = join(web, 'dist')
  const key = await sourceKey()
  const built = await readFile(join(dist, '.built'), 'utf8').catch(() => '')
  if (built === key) return dist

  say('Building the page (once) …')
  // Built aside and moved into place: a build that breaks off leaves no half page, and two at once do not mix.
  const fresh = join(root, '.cache', `page-${randomBytes(4).toString('hex')}`)
  try {
    await vite(['build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'warn'])
    await writeFile(join(fresh, '.built'), key)
    await rm(dist, { recursive: true, force: true })
    await rename(fresh, dist).catch(async (error) => {
      // Another process was quicker; its page is as good as ours.
      if ((await readFile(join(dist, '.built'), 'utf8').catch(() => '')) !== key) throw error
    })
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return dist
}

/** A digest of everything that the page is made from: its sources, those of the packages it uses, the lock file. */
async function sourceKey(): Promise<string> {
  const manifest: { dependencies?: Record<string, string> } = JSON.parse(
    await readFile(join(web, 'package.json'), 'utf8'),
  )
  const folders = [web]
  for (const folder of await readdir(join(root, 'packages'))) {
    const path = join(root, 'packages', folder)
    const text = await readFile(join(path, 'package.json'), 'utf8').catch(() => '{}')
    const { name }: { name?: string } = JSON.parse(text)
    if (name !== undefined && manifest.dependencies?.[name] !== undefined) folders.push(join(path, 'src'))
  }
  const files = [join(root, 'package-lock.json')]
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = relative(root, join(entry.parentPath, entry.name))
      if (entry.isFile() && !notSource.test(path)) files.push(join(root, path))
    }
  }
  const hash = createHash('sha256')
  for (const path of files.sort()) {
    hash.update(`${relative(root, path)}\0`).update(
      createHash('sha256')
        .update(await readFile(path))
        .digest(),
    )
  }
  return hash.digest('hex')
}

const notSource = /[\\/](dist|node_modules|test)[\\/]|\.test\.tsx?$/

async function vite(args: string[]): Promise<void> {
  const manifest = createRequire(join(web, 'package.json')).resolve('vite/package.json')
  const child = spawn(process.execPath, [join(dirname(manifest), 'bin', 'vite.js'), ...args], {
    cwd: web,
    // Tests run with another one, under which React would be built for development.
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 2, 2],
  })
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve))
  if (code !== 0) throw new Error('The page could not be built; the lines above say why.')
}
