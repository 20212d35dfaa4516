/**
 * Rows in bulk: copies of one open upload, one finished upload and its object, made by the server itself, so that this
 * knows little of the schema. Their bytes are those of the one object.
 */
import { DatabaseSync } from 'node:sqlite'
import type { PostgresServer } from '../../packages/server/src/catalog/postgres/testing/postgres-server.ts'

/** Of a catalog that no server has open. */
export interface Filler {
  /** What names of tables begin with. */
  readonly schema: string
  /** @param count - rows that `template` finds, in `table`, as many times, with other columns as SQL of `i` and `id` */
  copy(
    table: string,
    template: string,
    count: number,
    change: Readonly<Record<string, string>>,
  ): Promise<void>
  run(sql: string): Promise<void>
  close(): Promise<void>
}

export function fillSqlite(file: string): Filler {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -200000')
  const numbers = (count: number): string =>
    `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${count}),
     n AS MATERIALIZED (SELECT i, lower(hex(randomblob(16))) AS id FROM c)`
  return {
    schema: '',
    async copy(table, template, count, change) {
      const columns = db.prepare(`SELECT name FROM pragma_table_info(?)`).all(table)
      db.exec(
        copying(
          table,
          template,
          numbers(count),
          columns.map(({ name }) => String(name)),
          change,
        ),
      )
    },
    run: async (sql) => db.exec(sql),
    close: async () => db.close(),
  }
}

export function fillPostgres(client: Awaited<ReturnType<PostgresServer['connect']>>): Filler {
  const numbers = (count: number): string =>
    `WITH n AS MATERIALIZED (SELECT i, md5(random()::text || i) AS id FROM generate_series(1, ${count}) AS i)`
  return {
    schema: 'pawl.',
    async copy(table, template, count, change) {
      const { rows } = await client.query(
        'SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2',
        ['pawl', table],
      )
      const columns = rows.map(({ column_name }) => String(column_name))
      await client.query(copying(`pawl.${table}`, template, numbers(count), columns, change))
    },
    run: async (sql) => void (await client.query(sql)),
    close: () => client.end(),
  }
}

function copying(
  table: string,
  template: string,
  numbers: string,
  columns: readonly string[],
  change: Readonly<Record<string, string>>,
): string {
  const values = columns.map((name) => change[name] ?? `t.${name}`)
  return `INSERT INTO ${table} (${columns.join(', ')}) ${numbers}
    SELECT ${values.join(', ')} FROM n, ${table} AS t WHERE ${template}`
}
