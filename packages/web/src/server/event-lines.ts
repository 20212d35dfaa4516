/** Server-sent events out of text that comes in pieces (HTML Standard, section 9.2). Pure. */

/** Takes the next piece; returns the data of the events that it completes. */
export function eventLines(): (piece: string) => string[] {
  let rest = ''
  return (piece) => {
    const blocks = (rest + piece).split('\n\n')
    rest = blocks.pop() ?? ''
    return blocks.flatMap((block) => {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
      return data.length === 0 ? [] : [data.join('\n')]
    })
  }
}
