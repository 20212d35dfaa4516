import type { PreviousUpload, UrlStorage } from 'tus-js-client'

/**
 * What is remembered between reloads: the address of every unfinished upload, by the fingerprint of its file, and
 * the addresses of cancelled ones until the server has confirmed that they are gone.
 */
export interface Waiting {
  readonly urlStorage: UrlStorage
  list(): Remembered[]
  find(fingerprint: string): Remembered | undefined
  forget(fingerprint: string): void
  /** From now on the upload is only an address to delete. Returns the address. */
  condemn(fingerprint: string): string | undefined
  condemned(): string[]
  absolve(url: string): void
}

interface Remembered {
  readonly fingerprint: string
  readonly name: string
  readonly size: number
  readonly url: string
}

const uploadPrefix = 'pawl.upload.'
const condemnedPrefix = 'pawl.cancelled.'

/** One entry per upload, so that tabs do not overwrite each other's lists. */
export function createWaiting(storage: Storage, endpoint: string): Waiting {
  // What did not fit is kept for as long as the page lives: pause and resume must not depend on free space.
  const spilled = new Map<string, string>()
  const keys = (prefix: string) =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index)).filter(
      (key): key is string => key?.startsWith(prefix) ?? false,
    )
  const save = (key: string, value: string) => {
    try {
      storage.setItem(key, value)
    } catch {
      spilled.set(key, value)
    }
  }
  const find = (fingerprint: string) => {
    const key = uploadPrefix + fingerprint
    return read(storage.getItem(key) ?? spilled.get(key), fingerprint, endpoint)
  }
  const forget = (fingerprint: string) => {
    storage.removeItem(uploadPrefix + fingerprint)
    spilled.delete(uploadPrefix + fingerprint)
  }

  return {
    find,
    forget,
    list() {
      const found = keys(uploadPrefix).map((key) => find(key.slice(uploadPrefix.length)))
      return found.filter((entry) => entry !== undefined).sort((a, b) => a.name.localeCompare(b.name))
    },
    condemn(fingerprint) {
      const entry = find(fingerprint)
      forget(fingerprint)
      if (entry === undefined) return undefined
      save(condemnedPrefix + entry.url, '1')
      return entry.url
    },
    condemned() {
      return keys(condemnedPrefix)
        .map((key) => key.slice(condemnedPrefix.length))
        .filter((url) => belongsTo(endpoint, url))
    },
    absolve: (url) => storage.removeItem(condemnedPrefix + url),

    // The library waits for these promises without catching: they must never be rejected.
    urlStorage: {
      findAllUploads: () => Promise.resolve([]),
      findUploadsByFingerprint(fingerprint) {
        const entry = find(fingerprint)
        return Promise.resolve(entry === undefined ? [] : [previous(entry)])
      },
      removeUpload(key) {
        forget(key)
        return Promise.resolve()
      },
      addUpload(fingerprint, upload) {
        const { uploadUrl: url, size, metadata } = upload
        save(uploadPrefix + fingerprint, JSON.stringify({ name: metadata.filename ?? '', size, url }))
        return Promise.resolve(fingerprint)
      },
    },
  }
}

/** The browser's lasting storage, or one that lasts as long as the page where that is switched off or full. */
export function openStorage(): Storage {
  try {
    const probe = 'pawl.probe'
    localStorage.setItem(probe, '')
    localStorage.removeItem(probe)
    return localStorage
  } catch {
    return createMemoryStorage()
  }
}

export function createMemoryStorage(): Storage {
  const entries = new Map<string, string>()
  return {
    get length() {
      return entries.size
    },
    key: (index) => [...entries.keys()][index] ?? null,
    getItem: (key) => entries.get(key) ?? null,
    setItem: (key, value) => void entries.set(key, value),
    removeItem: (key) => void entries.delete(key),
    clear: () => entries.clear(),
  }
}

function read(text: string | undefined, fingerprint: string, endpoint: string): Remembered | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const { name, size, url } = value as Record<string, unknown>
    if (typeof name !== 'string' || typeof size !== 'number' || typeof url !== 'string') return undefined
    return belongsTo(endpoint, url) ? { fingerprint, name, size, url } : undefined
  } catch {
    return undefined
  }
}

/** A doctored entry must not send a file, or the key, to another place. */
function belongsTo(endpoint: string, url: string): boolean {
  return URL.canParse(url) && new URL(url).href.startsWith(endpoint) && url.length > endpoint.length
}

function previous(entry: Remembered): PreviousUpload {
  return {
    size: entry.size,
    metadata: { filename: entry.name },
    creationTime: '',
    urlStorageKey: entry.fingerprint,
    uploadUrl: entry.url,
    parallelUploadUrls: null,
  }
}
