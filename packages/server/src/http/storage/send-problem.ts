/** Answers with an error as the clients of this face read it. */
import type { OutgoingHttpHeaders } from 'node:http'
import { UploadError } from '../../uploads/errors.ts'
import type { Exchange } from '../exchange.ts'
import { internalProblem, storageProblem } from './errors.ts'
import type { StorageFace } from './face.ts'

export function sendProblem(
  face: Pick<StorageFace, 'onError'>,
  exchange: Exchange,
  error: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  if (exchange.gone.aborted || exchange.res.headersSent) return exchange.cut()
  const known = storageProblem(error)
  if (known === undefined || (error instanceof UploadError && error.cause !== undefined)) {
    face.onError(error, exchange)
  }
  const problem = known ?? internalProblem()
  exchange.answer(
    problem.status,
    { 'Content-Type': 'application/json; charset=utf-8', ...problem.headers, ...headers },
    JSON.stringify(problem.body),
  )
}
