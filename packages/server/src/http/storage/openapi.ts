/** The OpenAPI document, made from the routes' own schemas; bytes are described by hand, since no schema reads them. */
import { z } from 'zod'
import { BYTE_ROUTES, pathOf } from './byte-routes.ts'
import type { JsonRoute } from './json-route.ts'

const ErrorBody = z.object({
  statusCode: z.string(),
  error: z.string(),
  message: z.string(),
  code: z.string(),
})

export function openApi(prefix: string, routes: readonly JsonRoute[]): object {
  const paths: Record<string, Record<string, object>> = {}
  const add = (path: string, method: string, operation: object, query?: z.ZodType): void => {
    const parameters = parametersOf(path, query)
    paths[path] = { ...paths[path], [method]: { ...operation, parameters } }
    if (method !== 'get') return
    const head = {
      summary: 'The headers of the same GET',
      parameters,
      responses: { '2XX': { description: 'there' } },
    }
    paths[path] = { ...paths[path], head }
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

function problem(): object {
  return { description: 'refused', content: { 'application/json': { schema: schemaOf(ErrorBody) } } }
}

function schemaOf(type: z.ZodType, io: 'input' | 'output' = 'input'): object {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' })
  return schema
}
