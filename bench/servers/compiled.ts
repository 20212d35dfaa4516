/** Programs in C, compiled when they are needed. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const cache = join(import.meta.dirname, '../../.cache')

/** Where the program of a source in `bench/peers` is. */
export function programOf(source: string): string {
  return join(cache, `bench-${source.replace(/\W/g, '-')}`)
}

/** @returns false where there is no compiler @throws Error when it does not compile */
export function compile(source: string): boolean {
  try {
    mkdirSync(cache, { recursive: true })
    const path = join(import.meta.dirname, '../peers', source)
    execFileSync('cc', ['-O2', '-Wall', '-o', programOf(source), path], { stdio: 'pipe' })
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (process.platform === 'linux' && code !== 'ENOENT') throw error
    return false
  }
}
