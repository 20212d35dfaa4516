/**
 * Which tab works on which file. Without it a second tab would list uploads that the first one is still sending,
 * and "discard" there would delete them under its feet. Released by the browser when a tab goes away.
 */
export interface Claims {
  /** False when another tab has the file. */
  claim(fingerprint: string): Promise<boolean>
  release(fingerprint: string): void
  /** Fingerprints held by any tab, this one included. */
  held(): Promise<ReadonlySet<string>>
}

const prefix = 'pawl.file.'

export function createClaims(locks: LockManager | undefined): Claims {
  const releases = new Map<string, () => void>()
  return {
    claim(fingerprint) {
      // Locks need a secure page; without them the server's own leases still keep the bytes apart.
      if (locks === undefined || releases.has(fingerprint)) return Promise.resolve(true)
      return new Promise((resolve) => {
        const work = locks.request(prefix + fingerprint, { ifAvailable: true }, (lock) => {
          if (lock === null) return resolve(false)
          return new Promise<void>((release) => {
            releases.set(fingerprint, release)
            resolve(true)
          })
        })
        work.catch(() => resolve(true))
      })
    },
    release(fingerprint) {
      releases.get(fingerprint)?.()
      releases.delete(fingerprint)
    },
    async held() {
      const { held = [] } = (await locks?.query()) ?? {}
      return new Set(
        held.flatMap(({ name }) => (name?.startsWith(prefix) ? [name.slice(prefix.length)] : [])),
      )
    },
  }
}
