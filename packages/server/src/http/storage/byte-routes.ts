/** Routes that take or give bytes, which storage.ts serves on the raw request, and what can be done at a path. */
import { type ByteRoute, pathOf } from '../openapi.ts'
import type { JsonRoute } from './json-route.ts'

export const BYTE_ROUTES: readonly ByteRoute[] = [
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

/** What is possible at a path behind the prefix; nothing where there is nothing. */
export function methodsAt(path: string, routes: readonly JsonRoute[]): string[] {
  const all = [...BYTE_ROUTES, ...routes.map(({ method, url }) => ({ method, path: pathOf(url) }))]
  const here = all.filter((route) => fits(route.path, path)).map(({ method }) => method.toUpperCase())
  const methods = here.includes('GET') ? [...here, 'HEAD'] : here
  return methods.length === 0 ? [] : [...new Set([...methods, 'OPTIONS'])].toSorted()
}

function fits(pattern: string, path: string): boolean {
  const source = pattern.replace(/\{key\}$/, '.+').replace(/\{\w+\}/g, '[^/]+')
  return new RegExp(`^${source}$`, 's').test(path)
}
