/** 104 (Upload Resumption Supported): where the upload is, and how far it has got. */
import type { OutgoingHttpHeaders } from 'node:http'
import { type Dialect, INTEROP_HEADER } from '@pawl/protocol'
import type { Exchange } from '../exchange.ts'
import type { ResumableDoor } from './face.ts'

/** Milliseconds between two that tell progress. */
const EVERY_MS = 500

export class Interim {
  readonly #exchange: Exchange
  readonly #interop: number | undefined
  #last = performance.now()
  #told = 0

  constructor(door: ResumableDoor, exchange: Exchange, dialect: Dialect) {
    this.#exchange = exchange
    this.#interop = door.mayInform(exchange) ? dialect.interop : undefined
  }

  /** Whether the client gets to know of the upload before the final answer. */
  created(location: string, limit: string | undefined): boolean {
    return this.#send({ Location: location, ...(limit === undefined ? {} : { 'Upload-Limit': limit }) })
  }

  /** Undefined when nobody would get it. */
  get progress(): ((offset: number) => void) | undefined {
    if (this.#interop === undefined) return undefined
    return (offset) => {
      const now = performance.now()
      if (now - this.#last < EVERY_MS || offset <= this.#told) return
      this.#last = now
      this.#told = offset
      this.#send({ 'Upload-Offset': String(offset) })
    }
  }

  #send(headers: OutgoingHttpHeaders): boolean {
    if (this.#interop === undefined) return false
    return this.#exchange.inform(104, { [INTEROP_HEADER]: String(this.#interop), ...headers })
  }
}
