/** The one file of a `multipart/form-data` body, as a stream, with the fields around it. */
import { Readable } from 'node:stream'
import { Busboy, type BusboyFileStream, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import type { Exchange } from '../exchange.ts'
import { StorageError } from './errors.ts'

export interface Form {
  /** The fields in front of the file. */
  readonly fields: ReadonlyMap<string, string>
  /** The content type that the file's part names. */
  readonly type: string
  /** What turned out to be wrong with the form while its bytes were read. */
  readonly fault: StorageError | undefined
  /**
   * The file's bytes. Ends when the whole form was read, so that nothing is missing of what stands behind
   * the file; `late` has been called with all fields then, if there were any.
   */
  open(late: (fields: ReadonlyMap<string, string>) => Promise<void>): Readable
}

const MAX_FIELDS = 20
const MAX_FIELD_BYTES = 64 * 1024

export function isForm(exchange: Exchange): boolean {
  return /^multipart\/form-data *;/i.test(exchange.header('content-type') ?? '')
}

/** Resolves at the file. @throws StorageError `InvalidRequest` when there is none */
export async function readForm(exchange: Exchange): Promise<Form> {
  const { req } = exchange
  const parser = parserFor(exchange)
  const fields = new Map<string, string>()
  const file = Promise.withResolvers<{ stream: BusboyFileStream; type: string }>()
  const end = Promise.withResolvers<void>()
  // Whoever waits hears of it; nobody may be left that does.
  end.promise.catch(() => {})
  let stream: BusboyFileStream | undefined
  let fault: StorageError | undefined
  const fail = (error: Error): void => {
    fault ??= invalid(error.message)
    file.reject(fault)
    end.reject(fault)
    // Otherwise whoever reads it would wait for an end that does not come.
    stream?.destroy(fault)
  }
  const told = (error: unknown): never => {
    if (error instanceof StorageError) fault ??= error
    throw error
  }
  parser.on('field', (name, value) => void fields.set(name, value))
  parser.on('file', (_name, incoming, _fileName, _encoding, type) => {
    // From the first moment on: an error that nobody hears would end the process.
    incoming.on('error', fail)
    if (stream === undefined) {
      stream = incoming
      file.resolve({ stream: incoming, type })
    } else {
      incoming.resume()
      fail(new Error('the form has more than one file'))
    }
  })
  parser.on('fieldsLimit', () => fail(new Error(`the form has more than ${MAX_FIELDS} fields`)))
  parser.on('error', (error: unknown) =>
    fail(error instanceof Error ? error : new Error('the form is broken')),
  )
  parser.on('finish', () => {
    file.reject(invalid('the form has no file'))
    end.resolve()
  })
  req.once('close', () => {
    if (!req.complete) fail(new Error('the client has gone'))
  })
  exchange.openBody().pipe(parser)
  const { stream: incoming, type } = await file.promise
  const before = new Map(fields)
  return {
    fields: before,
    type,
    get fault() {
      return fault
    },
    open(late) {
      const bytes = async function* (): AsyncGenerator<Uint8Array> {
        yield* incoming as AsyncIterable<Uint8Array>
        await end.promise
        if (incoming.truncated) throw new Error('the file was cut short')
        if (fields.size > before.size) await late(fields).catch(told)
      }
      return Readable.from(bytes(), { objectMode: false })
    },
  }
}

function parserFor(exchange: Exchange): BusboyInstance {
  const headers = { ...exchange.req.headers, 'content-type': exchange.header('content-type') ?? '' }
  try {
    return new Busboy({
      headers: headers as BusboyHeaders,
      limits: { fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, fieldNameSize: 200, headerPairs: 20 },
    })
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'it cannot be read')
  }
}

function invalid(why: string): StorageError {
  return new StorageError('InvalidRequest', `the form is not valid: ${why}`)
}
