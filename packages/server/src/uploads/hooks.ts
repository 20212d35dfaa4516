/**
 * Functions of the operator that have a say in an upload: before it exists, and before it becomes an object.
 * Whatever a hook does, nothing passes in silence: it agrees, changes the metadata, rejects, or the client is
 * told to try again.
 */
import { z } from 'zod'
import type { Principal } from '../access/principal.ts'
import type { ObjectHeaders } from '../objects/object.ts'
import { UploadError } from './errors.ts'
import { type Metadata, objectHeadersFrom, readMetadata, writeMetadata } from './metadata.ts'

export interface HookRequest {
  /**
   * `create`: an upload is to be made; `create-partial`: one that becomes no object by itself, and often has no
   * metadata; `create-final`: partial ones are to be joined; `finish`: an object is to be published.
   */
  readonly action: 'create' | 'create-partial' | 'create-final' | 'finish'
  readonly role: Principal['role']
  /** Who, for the role `authenticated`. */
  readonly sub: string | undefined
  readonly bucket: string
  readonly key: string
  /** Bytes in all; undefined while the client has not said. */
  readonly size: number | undefined
  /** The content type. */
  readonly type: string
  readonly metadata: Metadata
}

export type HookResult =
  | undefined
  | {
      /** `status` is 400 to 499, 400 unless given; `message` goes to the client, at most 1000 characters. */
      readonly reject: { readonly status?: number; readonly message: string }
    }
  | {
      /** Takes the place of all the metadata; the file's name and type follow from it. */
      readonly metadata: Metadata
    }

/**
 * May run more than once for one upload: after a crash, after a failure of its own, when a client repeats itself.
 * @param signal - aborted when nobody waits for the result any more: its time is over, or the server closes
 */
export type Hook = (upload: HookRequest, signal: AbortSignal) => Returned | Promise<Returned>

/** A hook without a return statement agrees. */
// biome-ignore lint/suspicious/noConfusingVoidType: functions without a return statement have the type void
type Returned = HookResult | void

export type HookName = 'beforeCreate' | 'beforeFinish'

export interface Hooks extends Readonly<Partial<Record<HookName, Hook>>> {
  /** Milliseconds. */
  readonly timeout: number
}

/** Nobody is asked. */
export const NO_HOOKS: Hooks = { timeout: 10_000 }

export interface HookSubject {
  readonly action: HookRequest['action']
  readonly owner: Principal
  readonly bucket: string
  readonly key: string
  readonly size: number | undefined
  /** As the client sent it. */
  readonly metadata: string
  readonly headers: ObjectHeaders
}

type HookVerdict =
  | { readonly kind: 'go-on'; readonly metadata: string; readonly headers: ObjectHeaders }
  | { readonly kind: 'rejected'; readonly status: number; readonly message: string }

export interface HookRunner {
  has(name: HookName): boolean
  /** @throws UploadError `unavailable` when the hook throws, takes too long or returns what makes no sense */
  run(name: HookName, subject: HookSubject): Promise<HookVerdict>
  /** Waits for no hook any more: what waited fails with `unavailable`. */
  close(): void
}

const Result = z.union([
  z.undefined(),
  z.strictObject({
    reject: z.strictObject({
      status: z.int().min(400).max(499).default(400),
      message: z.string().min(1).max(1000),
    }),
  }),
  z.strictObject({ metadata: z.record(z.string(), z.string()) }),
])

export function hookRunner(hooks: Hooks): HookRunner {
  const closing = new AbortController()
  return {
    has: (name) => hooks[name] !== undefined,

    async run(name, { action, owner, bucket, key, size, metadata, headers }) {
      const hook = hooks[name]
      if (hook === undefined) return { kind: 'go-on', metadata, headers }
      const request: HookRequest = {
        action,
        role: owner.role,
        sub: owner.role === 'authenticated' ? owner.sub : undefined,
        bucket,
        key,
        size,
        type: headers.contentType,
        metadata: readMetadata(metadata),
      }
      try {
        const result = Result.parse(await inTime(hook, request, hooks.timeout, closing.signal))
        if (result === undefined) return { kind: 'go-on', metadata, headers }
        if ('reject' in result) return { kind: 'rejected', ...result.reject }
        const changed = writeMetadata(result.metadata)
        const described = objectHeadersFrom(new Map(Object.entries(result.metadata)))
        // What metadata does not speak of here stays as it was.
        return { kind: 'go-on', metadata: changed, headers: { ...headers, ...described } }
      } catch (cause) {
        throw new UploadError(
          'unavailable',
          `the server could not ask its hook ${name}: nothing was lost, try again soon`,
          { cause },
        )
      }
    },

    close: () => closing.abort(new Error('the server is closing')),
  }
}

async function inTime(
  hook: Hook,
  request: HookRequest,
  timeout: number,
  closing: AbortSignal,
): Promise<unknown> {
  // Ours, not AbortSignal.timeout: that one is held weakly, and a collected signal would let a hook hang for ever.
  const ending = new AbortController()
  const end = (why: unknown): void => ending.abort(why)
  const timer = setTimeout(() => end(new Error(`the hook took longer than ${timeout} ms`)), timeout)
  const onClosing = (): void => end(closing.reason)
  closing.addEventListener('abort', onClosing)
  if (closing.aborted) onClosing()
  const ended = new Promise<never>((_resolve, reject) => {
    if (ending.signal.aborted) reject(ending.signal.reason)
    ending.signal.addEventListener('abort', () => reject(ending.signal.reason))
  })
  try {
    // In a function of its own, so that one that throws at once is one that fails.
    return await Promise.race([(async () => hook(request, ending.signal))(), ended])
  } finally {
    clearTimeout(timer)
    closing.removeEventListener('abort', onClosing)
  }
}
