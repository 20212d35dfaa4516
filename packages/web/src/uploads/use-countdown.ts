import { useEffect, useState } from 'react'

/** Seconds until a time in milliseconds, counting down; 0 when there is none. */
export function useCountdown(until: number | undefined): number {
  const [, tick] = useState(0)
  useEffect(() => {
    if (until === undefined) return
    const timer = setInterval(() => tick((count) => count + 1), 500)
    return () => clearInterval(timer)
  }, [until])
  return until === undefined ? 0 : Math.max(0, (until - Date.now()) / 1000)
}
