import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BareItem, type Member, parseDictionary, parseItem } from '../src/http/structured-field.ts'

interface Vector {
  readonly name: string
  readonly raw: readonly string[]
  readonly header_type: 'item' | 'list' | 'dictionary'
  readonly expected?: unknown
  readonly must_fail?: boolean
  readonly can_fail?: boolean
}

const folder = join(import.meta.dirname, 'structured-field-tests')
const vectors = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .flatMap((name) => {
    const all: Vector[] = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    return all
      .filter(({ header_type }) => header_type !== 'list')
      .map((vector) => ({ file: name, ...vector }))
  })

describe("the HTTP working group's own test vectors (RFC 9651)", () => {
  test('are there', () => {
    expect(vectors.length).toBeGreaterThan(300)
  })

  test.each(vectors)('$file: $name', ({ raw, header_type, expected, must_fail, can_fail }) => {
    const value = raw.join(', ')
    const parsed = header_type === 'item' ? itemOf(parseItem(value)) : dictionaryOf(parseDictionary(value))
    if (must_fail) expect(parsed).toBeUndefined()
    else if (!(can_fail && parsed === undefined))
      expect(parsed).toEqual(withoutParameters(header_type, expected))
  })
})

// Time that grows with the square of the length would run into the test's limit here.
test('any text is parsed or refused, in time that is linear in its length', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fieldLike), (text) => {
      parseItem(text)
      parseDictionary(text)
    }),
    { numRuns: 3000 },
  )
  for (const hostile of [
    'a=('.repeat(50_000),
    '"'.repeat(100_000),
    'a,'.repeat(50_000),
    '%"%'.repeat(30_000),
  ]) {
    expect(parseDictionary(hostile)).toBeUndefined()
    expect(parseItem(hostile)).toBeUndefined()
  }
})

const fieldLike = fc
  .array(
    fc.constantFrom('a', '=', '(', ')', ';', ',', '?1', '"', '\\', ':', 'YQ==', '1', '.', '-', ' ', '%', '@'),
  )
  .map((pieces) => pieces.join(''))

/** In the shape of the vectors' `expected`, without parameters. */
function itemOf(item: BareItem | undefined): unknown {
  if (item === undefined) return undefined
  switch (item.type) {
    case 'binary':
      return { __type: 'binary', value: base32(item.value) }
    case 'date':
      return { __type: 'date', value: item.value }
    case 'token':
      return { __type: 'token', value: item.value }
    case 'display-string':
      return { __type: 'displaystring', value: item.value }
    default:
      return item.value
  }
}

function dictionaryOf(dictionary: ReadonlyMap<string, Member> | undefined): unknown {
  const memberOf = (member: Member) =>
    member.type === 'list' ? member.value.map((item) => itemOf(item)) : itemOf(member)
  return dictionary && Object.fromEntries([...dictionary].map(([key, member]) => [key, memberOf(member)]))
}

function withoutParameters(type: Vector['header_type'], expected: unknown): unknown {
  const first = (pair: unknown): unknown => (Array.isArray(pair) ? pair[0] : undefined)
  const member = (pair: unknown): unknown => {
    const value = first(pair)
    return Array.isArray(value) ? value.map(first) : value
  }
  if (type === 'item') return first(expected)
  const members = expected as [string, unknown][]
  return Object.fromEntries(members.map(([key, pair]) => [key, member(pair)]))
}

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const groups = bits.match(/.{1,5}/g) ?? []
  const text = groups.map(
    (group) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(group.padEnd(5, '0'), 2)],
  )
  return text.join('').padEnd(Math.ceil(text.length / 8) * 8, '=')
}
