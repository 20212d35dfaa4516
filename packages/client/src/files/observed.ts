/** Telling the hooks how a call ended. */
import { FilesError } from '../errors.ts'
import type { OperationOptions } from '../options.ts'
import type { FilesContext } from './context.ts'
import { type FilesHooks, type Subject, tell } from './hooks.ts'

/** Tells the hooks how a call ended. Every public call goes through here once. */
export async function observed<T>(hooks: FilesHooks, subject: Subject, call: () => Promise<T>): Promise<T> {
  const began = Date.now()
  try {
    const result = await call()
    tell(hooks.onAction, { ...subject, status: 'success', result, durationMs: Date.now() - began })
    return result
  } catch (thrown) {
    const error = FilesError.wrap(thrown)
    const durationMs = Date.now() - began
    tell(hooks.onError, { ...subject, error, durationMs })
    tell(hooks.onAction, { ...subject, status: 'error', error, durationMs })
    throw error
  }
}

/** The same for a call that writes. @throws FilesError `ReadOnly`, told to the hooks too */
export function written<T>(files: FilesContext, subject: Subject, call: () => Promise<T>): Promise<T> {
  return observed(files.hooks, subject, async () => {
    if (files.readonly)
      throw new FilesError('ReadOnly', `${subject.type} is refused: these files are read-only`)
    return call()
  })
}

export function signalsOf(...options: readonly OperationOptions[]): AbortSignal[] {
  return options.flatMap(({ signal }) => (signal ? [signal] : []))
}
