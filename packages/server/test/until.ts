import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until something holds. @throws Error naming it when it takes too long */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const began = Date.now()
  while (!(await holds())) {
    const waited = Date.now() - began
    if (waited > limitMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    // Many ask a server each time: what takes long need not be asked for all the time.
    await sleep(waited < 500 ? 5 : 20)
  }
}
