/** Vendors' own clients. They have a lock file of their own: `npm ci --prefix packages/emulators/vendor`. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../vendor/')

/** On a build machine a missing client must fail its tests, not skip them. */
export function hasVendor(name: string): boolean {
  return existsSync(join(folder, 'node_modules', name)) || process.env.CI === 'true'
}

/** Types are what the caller says: the clients' own are not installed for everybody. */
export function vendor(name: string) {
  return createRequire(folder)(name)
}

/** Bytes that differ everywhere. */
export function bytesOf(size: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(size)
  let x = 2463534242
  for (let i = 0; i < size; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    bytes[i] = x
  }
  return bytes
}
