/** A file as one field of a form: https://www.rfc-editor.org/rfc/rfc7578 */
import type { Payload } from '../driver.ts'

export interface FormFile {
  /** Of the form. */
  readonly field: string
  readonly name: string
  readonly type: string
}

/** The body of a form with text fields and a piece of the upload, and the content type that goes with it. */
export function formOf(
  fields: Readonly<Record<string, string>>,
  file: FormFile,
  piece: Payload,
): { readonly type: string; readonly body: Payload } {
  const boundary = `pawl-${crypto.randomUUID()}`
  const disposition = (field: string) =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(field)}"`
  const texts = Object.entries(fields).map(([name, value]) => `${disposition(name)}\r\n\r\n${value}\r\n`)
  const named = `${disposition(file.field)}; filename="${quoted(file.name)}"\r\ncontent-type: ${file.type}\r\n\r\n`
  const head = new TextEncoder().encode(texts.join('') + named)
  const tail = new TextEncoder().encode(`\r\n--${boundary}--\r\n`)
  const size = head.length + piece.size + tail.length
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: {
      ...piece,
      size,
      bytes: async (options) => {
        const whole = new Uint8Array(size)
        whole.set(head)
        whole.set(await piece.bytes(options), head.length)
        whole.set(tail, size - tail.length)
        return whole
      },
      blocks: async function* (options) {
        yield head
        yield* piece.blocks(options)
        yield tail
      },
    },
  }
}

/** As browsers write names into a form. */
function quoted(name: string): string {
  return name.replace(/[\r\n"]/g, (char) => ({ '\r': '%0D', '\n': '%0A', '"': '%22' })[char] ?? char)
}
