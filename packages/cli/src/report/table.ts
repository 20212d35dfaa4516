import stringWidth from 'string-width'

/** Columns below each other on stdout. @param right Indexes of columns of numbers. */
export function printTable(rows: readonly (readonly string[])[], right: readonly number[] = []): void {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => stringWidth(row[i] ?? ''))))
  for (const row of rows) {
    const cells = row.map((cell, i) => {
      const space = ' '.repeat((widths[i] ?? 0) - stringWidth(cell))
      return right.includes(i) ? space + cell : cell + space
    })
    process.stdout.write(`${cells.join('  ').trimEnd()}\n`)
  }
}
