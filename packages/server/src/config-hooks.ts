/** The key `hooks` of `pawl.config.ts`: functions, so neither a flag nor the environment can give them. */
import { ConfigError, nearest } from './config-error.ts'
import { duration, type Reader } from './config-values.ts'
import { type Hook, type HookName, type Hooks, NO_HOOKS } from './uploads/hooks.ts'

const NAMES: readonly HookName[] = ['beforeCreate', 'beforeFinish']

export const hooks: Reader<Hooks> = (given, source) => {
  if (typeof given !== 'object' || given === null) {
    throw new ConfigError(`${source} must be an object with functions, in pawl.config.ts`)
  }
  let read = NO_HOOKS
  for (const [key, entry] of Object.entries(given)) {
    const name = NAMES.find((known) => known === key)
    if (entry === undefined) continue
    if (key === 'timeout') read = { ...read, timeout: duration(entry, `${source}.timeout`) }
    else if (name === undefined) {
      const match = nearest(key, [...NAMES, 'timeout'])
      throw new ConfigError(
        `${source}.${key} is not a hook${match === undefined ? '' : `: did you mean ${match}?`}`,
      )
    } else if (typeof entry !== 'function') throw new ConfigError(`${source}.${key} must be a function`)
    // What it takes and returns is checked at each call.
    else read = { ...read, [name]: entry as Hook }
  }
  return read
}
