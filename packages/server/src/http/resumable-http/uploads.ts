/** `/uploads/{id}`: the upload resources of every face. */
import type { Exchange } from '../exchange.ts'
import { refuse } from './answers.ts'
import type { ResumableDoor } from './face.ts'
import { ResumableRequestError } from './problems.ts'
import { serveUploadResource } from './upload-resource.ts'
import { dialectFor } from './wish.ts'

export async function serveUploads(door: ResumableDoor, exchange: Exchange): Promise<void> {
  const { req, res, method } = exchange
  door.cors.apply(req, res)
  if (door.cors.isPreflight(req)) return exchange.answer(204, {})
  const wait = door.pace(exchange)
  if (wait === 0) return serveUploadResource(door, exchange, exchange.path.slice('/uploads/'.length))
  const dialect = dialectFor(exchange)
  const look = method === 'HEAD' || method === 'GET'
  const tooMany = new ResumableRequestError({
    // Clients of some versions begin anew after anything else.
    status: look && dialect.laterStatus === 423 ? 423 : 429,
    title: 'too many requests: wait a moment',
    headers: { 'Retry-After': String(wait) },
  })
  refuse(door, exchange, tooMany, { dialect })
}
