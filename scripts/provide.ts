// What tests need that `npm ci` of this repository does not bring. Side by side: one waits for dpkg, the other for npm.
import { join } from 'node:path'
import { install } from './install.mjs'
import { provideServices } from './services.ts'
import { root } from './tool.ts'
import { provideUnpacked } from './unpack.ts'

/** What only tests compare with, or run on, has lock files of its own, so that `npm start` stays small. */
const FOLDERS = [
  'packages/client/test/vendor',
  'packages/emulators/vendor',
  'test/runtimes',
  'test/deployment',
]

export interface Lacking {
  /** System packages. */
  readonly packages: readonly string[]
  /** Why a folder's dependencies could not be installed. */
  readonly failures: readonly string[]
}

/** Provides what is missing where that is possible, and tells what still is. */
export async function provide(say: (line: string) => void): Promise<Lacking> {
  // Two `apt-get` at once exclude each other; two `npm ci` share the cores.
  const system = async () => [...(await provideServices(say)), ...(await provideUnpacked(say))]
  const dependencies = async () => {
    const failures: string[] = []
    for (const folder of FOLDERS)
      await install(join(root, folder), { dev: true, say }).catch((error: Error) =>
        failures.push(error.message),
      )
    return failures
  }
  const [packages, failures] = await Promise.all([system(), dependencies()])
  return { packages, failures }
}
