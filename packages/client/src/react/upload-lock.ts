/** One tab at a time sends an upload. */

export interface UploadLock {
  release(): void
}

/** @returns undefined if another tab has it. Where there are no locks, or none are allowed, nobody is kept out. */
export async function takeUploadLock(name: string): Promise<UploadLock | undefined> {
  const nothing = { release: () => {} }
  const { locks } = globalThis.navigator
  if (locks === undefined) return nothing
  const taken = Promise.withResolvers<UploadLock | undefined>()
  const held = Promise.withResolvers<void>()
  locks
    .request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) {
        taken.resolve(undefined)
        return undefined
      }
      taken.resolve({ release: () => held.resolve() })
      return held.promise
    })
    .catch(() => taken.resolve(nothing))
  return taken.promise
}

/** Which of these another tab, or this one, is sending now. */
export async function heldLocks(): Promise<ReadonlySet<string>> {
  const { held } = (await globalThis.navigator.locks?.query()) ?? {}
  return new Set((held ?? []).flatMap(({ name }) => (name === undefined ? [] : [name])))
}
