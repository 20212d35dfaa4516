import type { UploadView } from 'pawl/react'
import { useEffect, useRef, useState } from 'react'
import { NO_SPEEDS, type Speeds, sample } from './speeds.ts'

/** Samples once a second while something moves. */
export function useSpeeds(uploads: readonly UploadView[], busy: boolean): Speeds {
  const [speeds, setSpeeds] = useState<Speeds>(NO_SPEEDS)
  const latest = useRef(uploads)
  useEffect(() => {
    latest.current = uploads
  })
  useEffect(() => {
    if (!busy) return
    const before = new Map<string, number>()
    const take = () => {
      const now = latest.current.map(({ id, sent, status }) => ({ id, sent, moving: status === 'uploading' }))
      setSpeeds((known) => sample(known, now, before))
    }
    take()
    const timer = setInterval(take, 1000)
    return () => clearInterval(timer)
  }, [busy])
  return speeds
}
