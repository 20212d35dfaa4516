const name = 'pawl.key'

/** The key for servers that ask for one: kept for this tab only, never longer. */
export function readKey(): string | null {
  try {
    return sessionStorage.getItem(name)
  } catch {
    return kept
  }
}

export function keepKey(key: string): void {
  kept = key
  try {
    sessionStorage.setItem(name, key)
  } catch {
    // Storage is switched off: the key lasts until the page is left.
  }
}

let kept: string | null = null
