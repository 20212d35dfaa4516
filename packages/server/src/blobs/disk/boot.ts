/**
 * Names the machine's present boot. The page cache, and with it every byte that no `fdatasync` covered, is
 * lost only together with it.
 */
import { readFileSync } from 'node:fs'

/** Undefined where the system does not tell: then only what is durable is believed after a restart. */
export function currentBoot(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}
