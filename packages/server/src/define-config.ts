/** Types for `pawl.config.ts`. */
import type { Policies } from './access/policies.ts'
import type { Config } from './config.ts'
import type { Hooks } from './uploads/hooks.ts'

/** Every setting by its name in camel case, as a value or as the text that its environment variable takes. */
export type ConfigFile = {
  readonly [N in Exclude<keyof Config, 'hooks' | 'policies' | 'importAllow' | 'webhookSecret'>]?:
    | Config[N]
    | string
} & {
  readonly webhookSecret?: string
  readonly policies?: Policies
  /** Addresses and networks that imports may fetch from although they are not public, such as `10.1.2.3`. */
  readonly importAllow?: readonly string[]
  readonly hooks?: Omit<Hooks, 'timeout'> & {
    /** How long a hook may take: milliseconds, or text such as `5s`. 10 s unless given. */
    readonly timeout?: number | string
  }
}

/**
 * Returns what it is given; an editor knows the settings through it.
 *
 * @example
 * export default defineConfig({
 *   port: 8080,
 *   hooks: {
 *     beforeCreate({ type }) {
 *       if (!type.startsWith('image/')) return { reject: { status: 415, message: 'images only' } }
 *     },
 *   },
 * })
 */
export function defineConfig(config: ConfigFile): ConfigFile {
  return config
}
