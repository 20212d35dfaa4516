/** Reads the text of a structured field from left to right (RFC 9651, section 4.2). */
import { decodeBase64 } from './base64-decode.ts'

export type BareItem =
  | { readonly type: 'integer' | 'decimal' | 'date'; readonly value: number }
  | { readonly type: 'string' | 'token' | 'display-string'; readonly value: string }
  | { readonly type: 'binary'; readonly value: Uint8Array }
  | { readonly type: 'boolean'; readonly value: boolean }

/** A member of a dictionary: an item, or a list of them. */
export type Member = BareItem | { readonly type: 'list'; readonly value: readonly BareItem[] }

const KEY = /[a-z*][a-z0-9_\-.*]*/y
const NUMBER = /-?(\d+)(?:\.(\d+))?/y
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~\w:/]*/y
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y
const BINARY = /:([A-Za-z0-9+/]*=*):/y
const DISPLAY = /%"((?:[ !#$&-~]|%[0-9a-f]{2})*)"/y

/** Its methods throw SyntaxError. */
export function fieldReader(text: string) {
  let at = 0

  const fail = (): never => {
    throw new SyntaxError(`not a structured field at ${at}`)
  }
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match ?? undefined
  }
  const skip = (characters: string): void => {
    while (at < text.length && characters.includes(text.charAt(at))) at += 1
  }
  const eat = (character: string): boolean => {
    if (text.charAt(at) !== character) return false
    at += 1
    return true
  }

  function number(): BareItem {
    const [all = '', whole = '', fraction] = take(NUMBER) ?? fail()
    if (fraction === undefined) {
      // Adding 0 makes 0 of -0.
      return whole.length <= 15 ? { type: 'integer', value: Number(all) + 0 } : fail()
    }
    return whole.length <= 12 && fraction.length <= 3 ? { type: 'decimal', value: Number(all) } : fail()
  }

  function bareItem(): BareItem {
    const first = text.charAt(at)
    if (/[-\d]/.test(first)) return number()
    if (first === '"') {
      const [, inner = ''] = take(STRING) ?? fail()
      return { type: 'string', value: inner.replaceAll(/\\(.)/g, '$1') }
    }
    if (first === '?') {
      const value = text.charAt(at + 1)
      if (value !== '0' && value !== '1') return fail()
      at += 2
      return { type: 'boolean', value: value === '1' }
    }
    if (first === ':') {
      const [, inner = ''] = take(BINARY) ?? fail()
      return { type: 'binary', value: decodeBase64(padded(inner)) ?? fail() }
    }
    if (first === '@') {
      at += 1
      const { type, value } = number()
      return type === 'integer' ? { type: 'date', value } : fail()
    }
    if (first === '%') {
      const [, inner = ''] = take(DISPLAY) ?? fail()
      return { type: 'display-string', value: percentDecoded(inner) ?? fail() }
    }
    const [token] = take(TOKEN) ?? fail()
    return { type: 'token', value: token }
  }

  function item(): BareItem {
    const value = bareItem()
    parameters()
    return value
  }

  function parameters(): void {
    while (eat(';')) {
      skip(' ')
      if (take(KEY) === undefined) fail()
      if (eat('=')) bareItem()
    }
  }

  function innerList(): Member {
    const value: BareItem[] = []
    for (;;) {
      skip(' ')
      if (eat(')')) break
      value.push(item())
      if (!' )'.includes(text.charAt(at) || '-')) fail()
    }
    parameters()
    return { type: 'list', value }
  }

  function member(): Member {
    if (!eat('=')) {
      parameters()
      return { type: 'boolean', value: true }
    }
    return eat('(') ? innerList() : item()
  }

  return {
    skipSpaces: () => skip(' '),
    atEnd: () => at === text.length,
    item,
    dictionary(): ReadonlyMap<string, Member> {
      const members = new Map<string, Member>()
      while (at < text.length) {
        const [key] = take(KEY) ?? fail()
        // A name that comes again takes the last place, too.
        members.delete(key)
        members.set(key, member())
        skip(' \t')
        if (at === text.length) break
        if (!eat(',')) fail()
        skip(' \t')
        if (at === text.length) fail()
      }
      return members
    },
  }
}

/** Padding may be missing (RFC 9651, section 4.2.7). */
function padded(base64: string): string {
  return base64.includes('=') ? base64 : base64.padEnd(Math.ceil(base64.length / 4) * 4, '=')
}

/** Undefined when the bytes are not UTF-8. */
function percentDecoded(text: string): string | undefined {
  const bytes: number[] = []
  for (let i = 0; i < text.length; i += 1) {
    const escaped = text.charAt(i) === '%'
    bytes.push(escaped ? Number.parseInt(text.slice(i + 1, i + 3), 16) : text.charCodeAt(i))
    if (escaped) i += 2
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
  } catch {
    return undefined
  }
}
