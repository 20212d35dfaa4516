// What packages need to run, of what npm has installed: npm itself takes what other workspaces need along.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/**
 * Folders below `root` that have to be there, each at its place, for the packages in `folders` to run.
 * @throws Error when something is not installed that is needed
 */
export function neededBy(folders: readonly string[], root: string): string[] {
  const found = new Set<string>()
  const waiting = [...folders]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const optional = { ...manifest.optionalDependencies }
    for (const [name, { optional: may }] of Object.entries(manifest.peerDependenciesMeta ?? {}))
      if (may === true) optional[name] = ''
    const peers = Object.keys(manifest.peerDependencies ?? {}).filter((name) => !(name in optional))
    const own = [
      ...Object.keys(manifest.dependencies ?? {}),
      ...Object.keys(manifest.optionalDependencies ?? {}),
    ]
    for (const name of new Set([...own, ...peers])) {
      const place = installedFor(folder, name, root)
      if (place === undefined && !(name in optional))
        throw new Error(`${relative(root, folder)} needs ${name}, which is not installed: npm ci`)
      if (place === undefined || found.has(place)) continue
      found.add(place)
      waiting.push(place)
    }
  }
  return [...found].map((folder) => relative(root, folder)).sort()
}

/** As Node looks for it: the nearest one above. */
function installedFor(folder: string, name: string, root: string): string | undefined {
  for (let above = folder; ; above = dirname(above)) {
    const place = join(above, 'node_modules', name)
    if (existsSync(join(place, 'package.json'))) return place
    if (above === root) return undefined
  }
}
