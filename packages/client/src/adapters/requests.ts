/** Requests with one credential each, for providers whose errors are what their status says. */
import type { Call } from '../driver.ts'
import { FilesError } from '../errors.ts'
import { statusError } from '../http/failure.ts'
import { type Http, type HttpRequest, type HttpResponse, http } from '../http/http.ts'
import { isObject } from '../json.ts'
import type { Authorization } from './token.ts'

type Request = Omit<HttpRequest, 'headers'> & Partial<Pick<HttpRequest, 'headers'>>

export interface Requests {
  /** With the credential, once: for bodies that can be read again only by the engine. */
  once(request: Request, call: Call): Promise<HttpResponse>
  /** With the credential; again with a new one if it was refused. Error statuses are thrown, but those of `also`. */
  expect(what: string, request: Request, call: Call, also?: readonly number[]): Promise<HttpResponse>
  /** Without a credential: to URLs that carry their own. */
  bare(request: Request, call: Call): Promise<HttpResponse>
  refresh(): Promise<boolean>
}

/** @param header The name of the header that carries the credential. */
export function requests(
  { header: credential, refresh }: Authorization,
  send: Http = http,
  header = 'authorization',
): Requests {
  const bare = (request: Request, call: Call) => send({ ...request, headers: request.headers ?? {} }, call)
  const once = async (request: Request, call: Call) => {
    const value = await credential()
    return bare({ ...request, headers: { ...request.headers, ...(value && { [header]: value }) } }, call)
  }
  return {
    once,
    bare,
    refresh,
    expect: async (what, request, call, also = []) => {
      let response = await once(request, call)
      const refused = response.status === 401 || response.status === 403
      if (refused && (await refresh())) response = await once(request, call)
      return accepted(what, response, also)
    },
  }
}

/** The answer, if its status is a good one. @throws FilesError */
export async function accepted(
  what: string,
  response: HttpResponse,
  also: readonly number[] = [],
): Promise<HttpResponse> {
  if (response.status < 300 || also.includes(response.status)) return response
  throw statusError(what, response, await response.text())
}

export type Fields = { readonly [name: string]: unknown }

/** An answer's JSON; no fields of something else. */
export async function fieldsIn(what: string, response: HttpResponse): Promise<Fields> {
  return fieldsOf(await jsonIn(what, response))
}

/** @throws FilesError if the answer is no JSON */
export async function jsonIn(what: string, response: HttpResponse): Promise<unknown> {
  try {
    return JSON.parse(await response.text())
  } catch (cause) {
    throw new FilesError('Provider', `${what}: the answer is no JSON`, cause)
  }
}

export function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {}
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A URL that an answer names, for the bytes. A line that was safe must not become one that is not. */
export function safeUrl(what: string, home: string, given: unknown): string {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined
  if (url && (url.protocol === 'https:' || (url.protocol === 'http:' && home.startsWith('http:'))))
    return url.href
  throw new FilesError('Provider', `${what}: the answer names no URL to go to`, undefined, {
    retryable: false,
  })
}

/** Nobody's requests. */
export const nobody: Authorization = { header: async () => '', refresh: async () => false }
