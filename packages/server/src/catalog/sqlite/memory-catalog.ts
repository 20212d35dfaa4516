/** The catalog in memory: the same SQL on a private database, for tests and for embedding. */
import type { StoredEvent } from '../../events/event.ts'
import type { Catalog } from '../catalog.ts'
import { CatalogError } from '../catalog.ts'
import { forEveryOperation } from '../forward.ts'
import { openDatabase } from './database.ts'
import { runGroup } from './group-commit.ts'
import { sqliteOperations } from './operations.ts'
import type { EventLog } from './outbox.ts'

/**
 * @param keepEvents - events are written to the outbox, because something will deliver them
 * @param quotas - keep what byte limits need
 */
export function openMemoryCatalog({
  keepEvents = false,
  quotas = false,
}: {
  keepEvents?: boolean
  quotas?: boolean
} = {}): Catalog {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0, quotas })
  const log: EventLog = { keep: keepEvents, live: false, told: [] }
  const operations = sqliteOperations(db, log)
  const listeners: ((events: readonly StoredEvent[]) => void)[] = []
  let open = true
  return {
    ...forEveryOperation(async (name, args) => {
      if (!open) throw new CatalogError('unavailable', 'the catalog is closed')
      // Through a structured clone, as between threads: no caller can change a stored record.
      const [reply] = runGroup(db, operations, [{ id: 0, name, args: structuredClone(args) }], log)
      if (reply === undefined) throw new CatalogError('unavailable', 'the catalog gave no answer')
      if ('error' in reply)
        throw new CatalogError(reply.error.code as CatalogError['code'], reply.error.message)
      if (reply.events !== undefined) for (const listener of listeners) listener(reply.events)
      return reply.value
    }),
    keepsEvents: keepEvents,
    listen(listener) {
      log.live = true
      listeners.push(listener)
    },
    async close() {
      if (open) db.close()
      open = false
    },
  }
}
