/** The webhook of a server: events from its outbox to the one address that is configured. */
import type { Catalog } from '../../catalog/catalog.ts'
import type { Config } from '../../config.ts'
import { ConfigError } from '../../config-error.ts'
import type { Logger } from '../../log.ts'
import { Deliverer } from './deliverer.ts'
import { webhookPost } from './post.ts'

export interface Webhook {
  /** Delivers from now on, first what an earlier process left. */
  start(): void
  /** Events are due that were not before. */
  wake(): void
  /** Begins no delivery any more and gives those under way 2 s. */
  close(): Promise<void>
}

/** How long the receiver has to answer. */
const TIMEOUT_MS = 15_000

const NONE: Webhook = { start() {}, wake() {}, async close() {} }

/** @throws ConfigError when `catalog` keeps no events that could be delivered */
export function webhookFrom(config: Config, catalog: Catalog, log: Logger, now: () => number): Webhook {
  const { webhookUrl: url, webhookSecret: secret } = config
  if (url === undefined || secret === undefined) return NONE
  if (!catalog.keepsEvents) {
    throw new ConfigError('a webhook needs a catalog that was opened with keepEvents')
  }
  const post = webhookPost({ url, secret, timeout: TIMEOUT_MS })
  const deliverer = new Deliverer({ outbox: catalog, post, log, now })
  return {
    start() {
      catalog.listen(() => deliverer.wake())
      deliverer.wake()
    },
    wake: () => deliverer.wake(),
    close: () => deliverer.close(),
  }
}
