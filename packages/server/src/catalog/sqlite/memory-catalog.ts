/** The catalog in memory: the same SQL on a private database, for tests and for embedding. */
import type { Catalog } from '../catalog.ts'
import { CatalogError } from '../catalog.ts'
import { forEveryOperation } from '../forward.ts'
import { openDatabase } from './database.ts'
import { runGroup } from './group-commit.ts'
import { sqliteOperations } from './operations.ts'

export function openMemoryCatalog(): Catalog {
  const db = openDatabase({ path: ':memory:', lockTimeout: 0 })
  const operations = sqliteOperations(db)
  let open = true
  return {
    ...forEveryOperation(async (name, args) => {
      if (!open) throw new CatalogError('unavailable', 'the catalog is closed')
      // Through a structured clone, as between threads: no caller can change a stored record.
      const [reply] = runGroup(db, operations, [{ id: 0, name, args: structuredClone(args) }])
      if (reply === undefined) throw new CatalogError('unavailable', 'the catalog gave no answer')
      if ('error' in reply)
        throw new CatalogError(reply.error.code as CatalogError['code'], reply.error.message)
      return reply.value
    }),
    async close() {
      if (open) db.close()
      open = false
    },
  }
}
