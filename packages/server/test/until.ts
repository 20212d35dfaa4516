import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until something holds. @throws Error naming it when it takes too long */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    await sleep(5)
  }
}
