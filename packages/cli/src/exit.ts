/** How the process ends: the codes of the public contract. */

export const EXIT = {
  done: 0,
  failed: 1,
  /** Wrong usage: the same command cannot succeed, whatever the network does. */
  usage: 2,
  /** Interrupted, and `pawl resume` goes on. */
  interrupted: 130,
} as const

/** The command line is wrong. The message says what, and where possible what was meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
