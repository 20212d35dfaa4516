/** The OpenAPI document, made from the routes' own schemas; bytes are described by hand, since no schema reads them. */
import { z } from 'zod'
import type { JsonRoute } from './json-route.ts'

interface ByteRoute {
  readonly method: string
  readonly path: string
  readonly summary: string
}

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

export function openApi(prefix: string, routes: readonly JsonRoute[]): object {
  const paths: Record<string, Record<string, object>> = {}
  const add = (path: string, method: string, operation: object, query?: z.ZodType): void => {
    paths[path] = { ...paths[path], [method]: { ...operation, parameters: parametersOf(path, query) } }
  }
  for (const route of routes) {
    add(pathOf(route.url), route.method.toLowerCase(), operationOf(route), route.query)
  }
  for (const { method, path, summary } of BYTE_ROUTES) {
    add(path, method, { summary, responses: { '2XX': { description: 'done' }, '4XX': problem() } })
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Pawl storage', version: '1' },
    servers: [{ url: prefix }],
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
    security: [{ bearer: [] }],
    paths,
  }
}

function operationOf({ summary, body, reply }: JsonRoute): object {
  return {
    summary,
    ...(body === undefined
      ? {}
      : { requestBody: { content: { 'application/json': { schema: schemaOf(body) } } } }),
    responses: {
      200: { description: 'done', content: { 'application/json': { schema: schemaOf(reply, 'output') } } },
      '4XX': problem(),
    },
  }
}

function parametersOf(path: string, query: z.ZodType | undefined): object[] {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  if (!(query instanceof z.ZodObject)) return named
  const asked = Object.entries(query.shape).map(([name, type]) => ({
    name,
    in: 'query',
    schema: schemaOf(type as z.ZodType),
  }))
  return [...named, ...asked]
}

function pathOf(url: string): string {
  return url.replace(/:(\w+)/g, '{$1}').replace(/\*$/, '{key}')
}

function problem(): object {
  return { description: 'refused', content: { 'application/json': { schema: schemaOf(ErrorBody) } } }
}

function schemaOf(type: z.ZodType, io: 'input' | 'output' = 'input'): object {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' })
  return schema
}
