/** `upload({ resume: store })`: finds an interrupted upload's token, keeps it current, clears it. */
import type { Adapter } from '../adapter.ts'
import type { UploadControl } from '../control.ts'
import type { UploadIntent } from '../driver.ts'
import type { FilesError } from '../errors.ts'
import { parseToken, type SessionToken } from '../session.ts'
import { type SessionStore, sessionId } from '../stores/session-store.ts'
import type { Source } from '../transfer/source.ts'

/** Milliseconds between two writes of a token that only grew. */
const PERIOD = 1000

export interface KeptSession {
  find(): Promise<SessionToken | undefined>
  follow(control: UploadControl): Keeping
}

export interface Keeping {
  /** Writes the token now. */
  save(): Promise<void>
  /** Stops following; clears the token if it is of no more use. */
  end(error: FilesError | undefined): Promise<void>
}

export function keptSession(
  { name, place }: Adapter,
  { key, size }: UploadIntent,
  { lastModified }: Source,
  store: SessionStore,
): KeptSession {
  const id = sessionId({ provider: name, place, key, size, lastModified })
  return {
    find: async () => {
      const token = await store.get(id)
      return token && parseToken(token)
    },
    follow: (control) => follow(control, store, id),
  }
}

function follow(control: UploadControl, store: SessionStore, id: string): Keeping {
  let writing: Promise<void> = Promise.resolve()
  let timer: ReturnType<typeof setTimeout> | undefined
  // One write after the other: an older token must not overtake a newer one.
  const save = () => {
    clearTimeout(timer)
    timer = undefined
    writing = writing
      .catch(() => {})
      .then(async () => {
        const token = control.toJSON()
        if (token) await store.set(id, token)
      })
    return writing
  }
  const later = () => {
    timer ??= setTimeout(() => save().catch(() => {}), PERIOD)
  }
  const paused = () => {
    if (control.status === 'paused') save().catch(() => {})
  }
  control.addEventListener('session', later)
  control.addEventListener('status', paused)
  return {
    save,
    end: async (error) => {
      control.removeEventListener('session', later)
      control.removeEventListener('status', paused)
      clearTimeout(timer)
      await writing.catch(() => {})
      const useless = error === undefined || control.toJSON() === undefined || error.code === 'SessionGone'
      // The upload's own outcome counts, not the store's.
      await (useless ? store.delete(id) : save()).catch(() => {})
    },
  }
}
