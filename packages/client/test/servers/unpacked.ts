/**
 * Servers out of Debian packages that are unpacked into a folder instead of being installed: some of them exclude
 * each other, and none should start as a service of the machine. `npm test` unpacks them.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export const UNPACKED = join(import.meta.dirname, '../../../../node_modules/.cache/pawl-servers')

/** Libraries that the servers need and the machine may lack. */
export const LIBRARIES = { LD_LIBRARY_PATH: join(UNPACKED, 'usr/lib/x86_64-linux-gnu') }

/** A path in the folder. */
export function unpacked(path: string): string {
  return join(UNPACKED, path)
}

/** Whether everything is unpacked. With `CI=true` a missing file is an error: nothing is skipped in silence. */
export function isUnpacked(...paths: string[]): boolean {
  const missing = paths.find((path) => !existsSync(unpacked(path)))
  if (missing === undefined) return true
  if (process.env.CI === 'true') throw new Error(`${missing} is not unpacked: npm test does it`)
  return false
}
