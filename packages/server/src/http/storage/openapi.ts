/** What the OpenAPI document of the storage face says beside its JSON routes. */
import { z } from 'zod'
import { openApi } from '../openapi.ts'
import { BYTE_ROUTES } from './byte-routes.ts'
import type { JsonRoute } from './json-route.ts'

const ErrorBody = z.object({
  statusCode: z.string(),
  error: z.string(),
  message: z.string(),
  code: z.string(),
})

export function storageApi(prefix: string, routes: readonly JsonRoute[]): object {
  return openApi({ title: 'Pawl storage', prefix, routes, byteRoutes: BYTE_ROUTES, problem: ErrorBody })
}
