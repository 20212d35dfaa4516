// `node deploy/image/assemble.ts <folder>`: what goes into the image. Packages as they are published, and the
// dependencies as the lock file had them installed, each at its place: so npm's links and Node's look-up hold.
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { packAll } from '../../scripts/pack.ts'
import { buildPage } from '../../scripts/page.ts'
import { root } from '../../scripts/tool.ts'
import { neededBy } from './dependencies.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('Usage: node deploy/image/assemble.ts <folder>')
const to = resolve(folder)
rmSync(to, { recursive: true, force: true })

const packages = join(to, 'packages')
for (const { tarball } of await packAll({ to: packages, types: false })) rmSync(tarball)
const ours = readdirSync(packages).map((name) => join(root, 'packages', name))
for (const place of neededBy(ours, root)) {
  // Another package of this repository is a link.
  const link = lstatSync(join(root, place)).isSymbolicLink()
  const options = {
    recursive: true,
    verbatimSymlinks: true,
    filter: link ? undefined : alone(join(root, place)),
  }
  cpSync(join(root, place), join(to, place), options)
}

cpSync(await buildPage(), join(to, 'page'), { recursive: true })
for (const file of ['start.js', 'healthy.js', 'package.json'])
  cpSync(join(import.meta.dirname, file), join(to, file))
const pawl = 'packages/cli/dist/main.js'
mkdirSync(join(to, 'bin'))
symlinkSync(join('..', pawl), join(to, 'bin/pawl'))
chmodSync(join(to, pawl), 0o755)

/** A package without the ones inside it: those that are needed are named themselves. */
function alone(place: string): (path: string) => boolean {
  return (path) => path !== `${place}${sep}node_modules`
}
