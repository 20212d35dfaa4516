/** A piece of the body as the file of a form: https://www.rfc-editor.org/rfc/rfc7578 */
import type { Payload } from '../driver.ts'

export interface Form {
  readonly headers: { readonly 'content-type': string }
  readonly body: Payload
}

interface FormFile {
  /** Of the field. */
  readonly name: string
  readonly filename: string
  readonly type: string
}

/** The file comes last: some services look at no field behind it. */
export function formOf(
  fields: Readonly<Record<string, string>>,
  { name, filename, type }: FormFile,
  payload: Payload,
): Form {
  const boundary = `pawl-${crypto.randomUUID()}`
  const encoder = new TextEncoder()
  const part = (attributes: string, more: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${attributes}\r\n${more}\r\n`
  const head = encoder.encode(
    Object.entries(fields)
      .map(([field, value]) => `${part(`name="${escaped(field)}"`, '')}${value}\r\n`)
      .join('') +
      part(`name="${escaped(name)}"; filename="${escaped(filename)}"`, `Content-Type: ${type}\r\n`),
  )
  const tail = encoder.encode(`\r\n--${boundary}--\r\n`)
  const size = head.length + payload.size + tail.length
  const blocks: Payload['blocks'] = async function* (options) {
    yield head
    yield* payload.blocks(options)
    yield tail
  }
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: {
      ...payload,
      size,
      blocks,
      bytes: async () => {
        const whole = new Uint8Array(size)
        let at = 0
        for await (const block of blocks()) {
          whole.set(block, at)
          at += block.length
        }
        return whole
      },
      // They counted as they were read.
      left: () => {},
    },
  }
}

/** As browsers do: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function escaped(text: string): string {
  return text.replace(/["\r\n]/g, encodeURIComponent)
}
