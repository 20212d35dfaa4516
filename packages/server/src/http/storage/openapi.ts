/** What the OpenAPI document of the storage face says beside its JSON routes. */
import { z } from 'zod'
import { type ByteRoute, openApi } from '../openapi.ts'
import type { JsonRoute } from './json-route.ts'

const BYTE_ROUTES: readonly ByteRoute[] = [
  { method: 'post', path: '/object/{bucket}/{key}', summary: 'Upload an object, raw or as a form' },
  { method: 'put', path: '/object/{bucket}/{key}', summary: 'Upload an object over the one that is there' },
  { method: 'get', path: '/object/{bucket}/{key}', summary: 'Download an object' },
  { method: 'get', path: '/object/authenticated/{bucket}/{key}', summary: 'Download an object' },
  { method: 'get', path: '/object/public/{bucket}/{key}', summary: 'Download from a public bucket' },
  { method: 'get', path: '/object/sign/{bucket}/{key}', summary: 'Download by a signed URL' },
  { method: 'put', path: '/object/upload/sign/{bucket}/{key}', summary: 'Upload by a signed URL' },
  { method: 'post', path: '/upload/resumable', summary: 'Create a resumable upload (tus 1.0)' },
  { method: 'options', path: '/upload/resumable', summary: 'What resumable uploads can do (tus 1.0)' },
  { method: 'post', path: '/upload/resumable/sign', summary: 'The same with a signed token' },
  { method: 'head', path: '/upload/resumable/{id}', summary: 'Where an upload stands' },
  { method: 'patch', path: '/upload/resumable/{id}', summary: 'Send bytes' },
  { method: 'delete', path: '/upload/resumable/{id}', summary: 'Give an upload up' },
]

const ErrorBody = z.object({
  statusCode: z.string(),
  error: z.string(),
  message: z.string(),
  code: z.string(),
})

export function storageApi(prefix: string, routes: readonly JsonRoute[]): object {
  return openApi({ title: 'Pawl storage', prefix, routes, byteRoutes: BYTE_ROUTES, problem: ErrorBody })
}
