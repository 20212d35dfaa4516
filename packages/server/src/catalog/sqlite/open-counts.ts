/**
 * How many open uploads each owner has, for the limit that a creation meets: counting the rows each time would cost
 * as much as there are of them. They are counted once, when the catalog is opened; temporary triggers keep the sums from
 * then on, in the transaction of each change and only in memory.
 */
import type { DatabaseSync } from 'node:sqlite'

const change = (row: string, by: string): string => `
    INSERT INTO open_counts (owner, open) VALUES (${ownerName(row)}, ${by})
      ON CONFLICT DO UPDATE SET open = open + excluded.open;
    DELETE FROM open_counts WHERE owner = ${ownerName(row)} AND open = 0;`

const TRIGGERS: Readonly<Record<string, string>> = {
  open_upload_added: `AFTER INSERT ON uploads WHEN new.state = 'open' BEGIN ${change('new', '1')} END`,
  open_upload_changed: `AFTER UPDATE OF state ON uploads WHEN (new.state = 'open') <> (old.state = 'open')
    BEGIN ${change('new', "iif(new.state = 'open', 1, -1)")} END`,
  open_upload_removed: `AFTER DELETE ON uploads WHEN old.state = 'open' BEGIN ${change('old', '-1')} END`,
}

/** SQL: the owner of a row of `uploads` as sums name it. */
export function ownerName(row: string): string {
  return `${row}.owner_role || ':' || coalesce(${row}.owner_sub, '')`
}

/**
 * @param db - a catalog that is up to date
 * @returns the number of an owner, who is named as `ownerName` does
 */
export function openCounts(db: DatabaseSync): (owner: string) => number {
  db.exec(`CREATE TEMP TABLE IF NOT EXISTS open_counts (
    owner TEXT PRIMARY KEY,
    open  INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`)
  db.exec('DELETE FROM open_counts')
  for (const [name, body] of Object.entries(TRIGGERS))
    db.exec(`CREATE TEMP TRIGGER IF NOT EXISTS ${name} ${body}`)
  // The first term makes the index `uploads_by_state` usable.
  db.exec(`INSERT INTO open_counts SELECT ${ownerName('uploads')} AS owner, count(*) FROM uploads
    WHERE state IN ('open', 'finishing', 'sealed') AND state = 'open' GROUP BY owner`)
  const find = db.prepare('SELECT open FROM open_counts WHERE owner = ?')
  return (owner) => Number(find.get(owner)?.open ?? 0)
}
