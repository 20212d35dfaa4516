import type { UploadView } from 'pawl/react'
import { useEffect, useRef, useState } from 'react'
import { ownDigest } from './own-digest.ts'
import { serverDigest } from './server-digest.ts'

/** Whether what the server holds is the file. */
export type Check =
  | { readonly kind: 'checking' }
  /** Both have this sha-256, in hex. */
  | { readonly kind: 'verified'; readonly sha256: string }
  | { readonly kind: 'different'; readonly sha256: string }
  /** One of the two could not be had; the server's is shown where there is one. */
  | { readonly kind: 'unknown'; readonly sha256: string | undefined }

/** Compares every upload that has come to its end with its file, once. */
export function useChecks(uploads: readonly UploadView[]): ReadonlyMap<string, Check> {
  const [checks, setChecks] = useState<ReadonlyMap<string, Check>>(new Map())
  const begun = useRef(new Set<string>())
  useEffect(() => {
    const set = (id: string, check: Check) => setChecks((known) => new Map(known).set(id, check))
    for (const upload of uploads) {
      if (upload.status !== 'completed' || begun.current.has(upload.id)) continue
      begun.current.add(upload.id)
      void check(upload).then((found) => set(upload.id, found))
    }
  }, [uploads])
  return checks
}

async function check({ file, result }: UploadView): Promise<Check> {
  const [own, theirs] = await Promise.all([
    file && ownDigest(file),
    result && serverDigest(result).catch(() => undefined),
  ])
  if (own === undefined || theirs === undefined) return { kind: 'unknown', sha256: theirs }
  return { kind: own === theirs ? 'verified' : 'different', sha256: theirs }
}
