/** A row as a statement. */
import type { SqlValue } from '../columns.ts'
import type { Columns } from '../rows.ts'

export function insertOf(table: string, columns: Columns): [text: string, ...values: SqlValue[]] {
  const names = Object.keys(columns)
  const places = names.map((_, i) => `$${i + 1}`).join(', ')
  return [`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`, ...Object.values(columns)]
}
