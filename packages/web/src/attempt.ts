import { type HttpRequest, type HttpResponse, Upload } from 'tus-js-client'
import { authorization, type Context } from './remote.ts'
import type { Tell } from './uploader.ts'
import { type Answer, judge, unreachable, type Verdict } from './verdict.ts'

/** A request that shows no sign of life for this long is given up; the HEAD that follows tells what arrived. */
const longestSilence = { HEAD: 30_000, POST: 30_000, PATCH: 90_000 }

export type Result =
  | { readonly kind: 'done'; readonly url: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'problem'; readonly verdict: Verdict; readonly accepted: number }

/** One go: HEAD or POST, then PATCH, until it is done, breaks or is stopped. */
export function attempt(
  { endpoint, waiting, key }: Context,
  file: File,
  fingerprint: string,
  stop: AbortSignal,
  tell: Tell,
): Promise<Result> {
  return new Promise((resolve) => {
    let over = false
    let method = ''
    let answer: Answer | undefined
    let lastSign = Date.now()
    let accepted = 0

    const finish = (result: Result) => {
      if (over) return
      over = true
      clearInterval(watch)
      stop.removeEventListener('abort', onStop)
      removeEventListener('offline', onOffline)
      resolve(result)
    }
    const breakOff = (result: Result) => {
      if (over) return
      finish(result)
      void upload.abort()
    }
    const problem = (verdict: Verdict): Result => ({ kind: 'problem', verdict, accepted })
    // While the POST runs, stopping waits for its answer: else an upload would stay behind that nobody knows.
    const onStop = () => {
      if (method !== 'POST') breakOff({ kind: 'stopped' })
    }
    const onOffline = () => breakOff(problem(unreachable))
    const watch = setInterval(() => {
      const limit = longestSilence[method as keyof typeof longestSilence] ?? longestSilence.PATCH
      if (Date.now() - lastSign > limit) breakOff(problem(unreachable))
    }, 1000)
    stop.addEventListener('abort', onStop)
    addEventListener('offline', onOffline)

    const noteAccepted = (offset: number) => {
      accepted = offset
      tell({ kind: 'accepted', bytes: offset })
    }

    const upload = new Upload(file, {
      endpoint,
      // Retries are made by the caller, each as a fresh attempt.
      retryDelays: null,
      metadata: { filename: file.name, ...(file.type === '' ? {} : { filetype: file.type }) },
      fingerprint: () => Promise.resolve(fingerprint),
      urlStorage: waiting.urlStorage,
      removeFingerprintOnSuccess: true,
      headers: authorization(key()),
      onBeforeRequest(request) {
        // The library forgets an abort that comes before its first request.
        if (over) throw new Error('this attempt has ended')
        method = request.getMethod()
        answer = undefined
        lastSign = Date.now()
      },
      onAfterResponse(request, response) {
        if (over) return
        lastSign = Date.now()
        answer = answerOf(request, response)
        const verdict = judge(answer)
        if (method === 'HEAD') {
          // Whatever is thrown here keeps the library from throwing the upload's address away.
          if (verdict.kind === 'gone') return tell({ kind: 'restarted' })
          if (verdict.kind !== 'fine') throw new Error('the upload stays where it is')
          const length = response.getHeader('Upload-Length')
          if (length != null && Number(length) !== file.size) {
            waiting.forget(fingerprint)
            tell({ kind: 'restarted' })
            throw new Error('the address belongs to another file')
          }
        }
        const offset = Number.parseInt(response.getHeader('Upload-Offset') ?? '', 10)
        if (verdict.kind === 'fine' && offset <= file.size) noteAccepted(offset)
      },
      onUploadUrlAvailable() {
        if (method === 'POST') noteAccepted(0)
        // Stopped while the POST was on its way: the library saves the address right after this call.
        if (stop.aborted) breakOff({ kind: 'stopped' })
      },
      onProgress(bytes) {
        if (over) return
        lastSign = Date.now()
        tell({ kind: 'sent', bytes })
      },
      onSuccess: () => finish({ kind: 'done', url: upload.url ?? endpoint }),
      onError(error) {
        if (stop.aborted) return finish({ kind: 'stopped' })
        const verdict = answer === undefined ? networkOr(error) : judge(answer)
        // A good status without the headers of tus: a stranger answered, such as a hotspot's sign-in page.
        finish(problem(verdict.kind === 'fine' ? unreachable : verdict))
      },
    })
    upload
      .findPreviousUploads()
      .then(([previous]) => {
        if (over) return
        if (previous !== undefined) upload.resumeFromPreviousUpload(previous)
        upload.start()
      })
      .catch((error: unknown) => finish(problem(networkOr(error))))
  })
}

/** Errors that belong to a request are the network's; any other one would come back at each try. */
function networkOr(error: unknown): Verdict {
  const request: unknown = error instanceof Error ? Reflect.get(error, 'originalRequest') : undefined
  if (request != null) return unreachable
  return { kind: 'refused', words: error instanceof Error ? error.message : String(error) }
}

function answerOf(request: HttpRequest, response: HttpResponse): Answer {
  return {
    method: request.getMethod(),
    status: response.getStatus(),
    genuine: response.getHeader('Tus-Resumable') != null,
    retryAfter: response.getHeader('Retry-After') ?? null,
    body: response.getBody(),
  }
}
