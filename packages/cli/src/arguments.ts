/** Reading what stands after a command. Nothing is ignored: an option that does not exist is an error. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UsageError } from './exit.ts'

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: O; allowPositionals: true; strict: true }>
>

/** @throws UsageError that names the option, and the nearest one where there is one */
export async function readArguments<const O extends Options>(
  command: string,
  argv: readonly string[],
  options: O,
): Promise<Parsed<O>> {
  const args = [...argv]
  const { tokens } = parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(options, token.name)) continue
    const names = Object.keys(options).map((name) => `--${name}`)
    throw new UsageError(
      `pawl ${command} has no option ${token.rawName}${await suggestion(token.rawName, names)}`,
    )
  }
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** `: did you mean …?`, or nothing. */
export async function suggestion(word: string, words: readonly string[]): Promise<string> {
  // Loaded for a mistake only: an upload need not wait for the server's modules.
  const { nearest } = await import('@pawl/server')
  const match = nearest(word, words)
  return match === undefined ? '' : `: did you mean ${match}?`
}

/** The one positional of a command. @throws UsageError */
export function only(positionals: readonly string[], what: string): string {
  const [first, ...more] = positionals
  if (first === undefined) throw new UsageError(`the ${what} is missing`)
  if (more.length > 0) throw new UsageError(`one ${what} at a time: ${more.join(' ')} is too much`)
  return first
}

export function none(positionals: readonly string[]): void {
  if (positionals.length > 0) throw new UsageError(`${positionals.join(' ')} is not understood`)
}

/** A whole number from 1. */
export function count(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new UsageError(`${option} is ${JSON.stringify(text)}, but must be a whole number from 1 to 9999`)
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** Bytes: `mb` is 10⁶ and `mib` is 2²⁰, as in the server's settings. */
export function size(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  const match = /^(\d{1,15}(?:\.\d{1,3})?) ?([kmgt]i?b|b)?$/i.exec(text)
  const bytes = Math.round(Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? ''] ?? Number.NaN))
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new UsageError(`${option} is ${JSON.stringify(text)}, but must be a size such as 500kb or 16mib`)
}

export function oneOf<const T extends string>(
  text: string | undefined,
  option: string,
  values: readonly T[],
): T | undefined {
  if (text === undefined) return undefined
  const value = values.find((value) => value === text)
  if (value !== undefined) return value
  throw new UsageError(`${option} is ${JSON.stringify(text)}, but must be one of ${values.join(', ')}`)
}
