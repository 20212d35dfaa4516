/** Vector pictures: their size, and whether they would grow when their entities are put in. */
import type { MediaFacts } from '../media-file.ts'
import { damaged, overLimit } from './inspection.ts'
import type { MediaBytes } from './media-bytes.ts'

const MAX_BYTES = 16 * 1024 * 1024
/** Characters that all entities together may become. */
const MAX_EXPANDED = 1024 * 1024

/** A comment ends at the first mark of its end: could it end at several, many comments could be read in too many ways. */
const END = /<\/(\w+:)?svg\s*>\s*(<!--((?!-->)[\s\S]){0,4096}-->\s*)*$|<(\w+:)?svg[^<>]*\/>\s*$/

/** @throws BadMedia */
export async function inspectSvg(bytes: MediaBytes): Promise<MediaFacts> {
  if (bytes.size > MAX_BYTES) throw overLimit(`an SVG of more than ${MAX_BYTES} bytes`)
  const text = new TextDecoder().decode(await bytes.read(0, bytes.size))
  checkEntities(text)
  if (!END.test(text.slice(-8192))) throw damaged('its end is missing')
  const start = text.search(/<(\w+:)?svg[\s>/]/)
  // Attributes of one element are short; a bound keeps the search for its end short too.
  const tag = text.slice(start, start + 16_384)
  const attribute = (name: string): string | undefined =>
    new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`)
      .exec(tag)
      ?.slice(1)
      .find((value) => value !== undefined)
  const box = attribute('viewBox')
    ?.trim()
    .split(/[\s,]+/)
    .map(Number)
  const [boxWidth, boxHeight] = box?.length === 4 && box.every(Number.isFinite) ? box.slice(2) : []
  const width = pixels(attribute('width')) ?? boxWidth
  const height = pixels(attribute('height')) ?? boxHeight
  return {
    format: 'svg',
    ...(width !== undefined && width > 0 ? { width: Math.round(width) } : {}),
    ...(height !== undefined && height > 0 ? { height: Math.round(height) } : {}),
  }
}

/** CSS: 96 pixels are an inch. */
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  px: 1,
  in: 96,
  cm: 96 / 2.54,
  mm: 96 / 25.4,
  pt: 96 / 72,
  pc: 16,
}

function pixels(length: string | undefined): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(px|in|cm|mm|pt|pc)?\s*$/.exec(length ?? '')
  return match === null ? undefined : Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1)
}

/** Counts what entities would become, without putting them in. @throws BadMedia */
function checkEntities(text: string): void {
  const bodies = new Map<string, string>()
  for (const [, percent, name = '', double, single] of text.matchAll(
    /<!ENTITY\s+(%\s+)?([^\s"'>]{1,256})\s+(?:"([^"]*)"|'([^']*)'|SYSTEM|PUBLIC)/g,
  )) {
    const body = double ?? single
    if (percent !== undefined || body === undefined) throw damaged('it asks for something outside of itself')
    bodies.set(name, body)
    if (bodies.size > 1000) throw overLimit('an SVG of more than 1000 entities')
  }
  const lengths = new Map<string, number>()
  const expanded = (name: string, depth: number): number => {
    const known = lengths.get(name)
    if (known !== undefined) return known
    const body = bodies.get(name)
    if (body === undefined) return 0
    if (depth > bodies.size) throw overLimit('an SVG whose entities contain each other')
    const length = used(body, depth + 1) + body.length
    lengths.set(name, length)
    return length
  }
  const used = (content: string, depth: number): number => {
    let sum = 0
    for (const [, name = ''] of content.matchAll(/&([^\s;#&]{1,256});/g)) sum += expanded(name, depth)
    if (sum > MAX_EXPANDED)
      throw overLimit(`an SVG whose entities become more than ${MAX_EXPANDED} characters`)
    return sum
  }
  if (bodies.size > 0) used(text, 0)
}
