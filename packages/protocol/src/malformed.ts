/** The most characters of a received value that a message repeats: enough to recognise it, too few to flood a log. */
const ECHO_LIMIT = 60

/**
 * A header that its specification does not allow. The request it came with deserves a 400.
 *
 * Every parser of this package that throws, throws this and nothing else. Formatters throw `RangeError`
 * instead: what they refuse is the caller's mistake, not the peer's.
 *
 * The message says what the header must be, and repeats at most 60 characters of what was received, as
 * printable ASCII: it is safe to log and to send back.
 */
export class MalformedHeader extends Error {
  override readonly name = 'MalformedHeader'
  /** The header's name as its specification spells it, for example `Upload-Offset`. */
  readonly header: string

  /**
   * @param header name of the header
   * @param problem what is expected, as the rest of a sentence that starts with the name
   * @param received the offending text, of any length and content; absent when nothing was received
   */
  constructor(header: string, problem: string, received?: string) {
    super(received === undefined ? `${header} ${problem}` : `${header} ${problem}; got ${quote(received)}`)
    this.header = header
  }
}

/** Escapes all but printable ASCII: terminals act on C1 controls and direction marks too, not only on C0. */
function quote(text: string): string {
  let shown = ''
  for (let i = 0; i < text.length; i++) {
    const escaped = escapeUnit(text.charCodeAt(i))
    if (shown.length + escaped.length > ECHO_LIMIT) return `"${shown}…"`
    shown += escaped
  }
  return `"${shown}"`
}

function escapeUnit(unit: number): string {
  const character = String.fromCharCode(unit)
  if (character === '"' || character === '\\') return `\\${character}`
  if (unit >= 0x20 && unit <= 0x7e) return character
  return `\\u${unit.toString(16).padStart(4, '0')}`
}
