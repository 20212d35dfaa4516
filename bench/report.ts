/** Results for people (a table on the terminal, Markdown) and for programs (JSON). */
import { goalLines } from './goals.ts'
import type { Machine } from './machine.ts'
import { type Failure, isMeasured, type Run } from './rounds.ts'
import { type Contestant, isUploader, type Uploader } from './servers/contestant.ts'
import { ratio, type Summary, summary } from './statistics.ts'
import type { UploadWorkload, Workload } from './workloads/workload.ts'

export interface Results {
  readonly date: string
  /** Makes the same measurements in the same order. */
  readonly command: string
  readonly quick: boolean
  readonly profiled: boolean
  readonly rounds: number
  /** Of the large uploads; of all of them together where there are several at once. */
  readonly bulkMiB: number
  readonly machine: Machine
  readonly servers: readonly { readonly name: string; readonly version: string; readonly guarantee: string }[]
  readonly table: readonly Row[]
  /** Largest share of the client in the CPU time of client and server together, over all measurements. */
  readonly clientShare: number
  readonly runs: readonly Run[]
  readonly failures: readonly Failure[]
}

export interface Row {
  readonly workload: string
  /** Which side is measured. */
  readonly side: 'server' | 'client'
  readonly title: string
  readonly unit: string
  readonly better: 'higher' | 'lower'
  readonly cells: readonly Cell[]
}

interface Cell {
  readonly server: string
  /** Absent when a measurement failed, as what did not verify is no number, or when there was none. */
  readonly value?: Summary
  readonly skipped?: boolean
  /** Ours to this one; absent for ours. */
  readonly ratio?: Summary
  /** CPU of the server until the answer, and until it was quiet, with its unit. */
  readonly cpu?: { readonly answer: number; readonly after: number; readonly unit: string }
}

export function tableOf(
  workloads: readonly (Workload | UploadWorkload)[],
  everybody: readonly (Contestant | Uploader)[],
  runs: readonly Run[],
  failures: readonly Failure[],
): Row[] {
  return workloads.map((workload) => {
    const of = (server: string): readonly Run[] =>
      runs
        .filter((run) => run.workload === workload.name && run.server === server)
        .toSorted((a, b) => a.round - b.round)
    const failed = (server: string): boolean =>
      failures.some((failure) => failure.workload === workload.name && failure.server === server)
    const servers = everybody.filter((contestant) => isUploader(contestant) === 'upload' in workload)
    const [ours] = servers
    const cells = servers.map((contestant): Cell => {
      const { name: server } = contestant
      if (!isMeasured(workload, contestant)) return { server, skipped: true }
      const theirs = of(server)
      if (failed(server) || theirs.length === 0) return { server }
      const values = theirs.map(({ value }) => value)
      const cpu = cpuOf(workload, theirs)
      const compared =
        ours !== undefined && server !== ours.name && !failed(ours.name) && of(ours.name).length > 0
      return {
        server,
        value: summary(values),
        ...(compared
          ? {
              ratio: ratio(
                of(ours.name).map(({ value }) => value),
                values,
              ),
            }
          : {}),
        ...(cpu === undefined ? {} : { cpu }),
      }
    })
    const { name, title, unit, better } = workload
    return { workload: name, side: 'upload' in workload ? 'client' : 'server', title, unit, better, cells }
  })
}

export function clientShareOf(runs: readonly Run[]): number {
  const shares = runs.map(({ costs }) =>
    costs?.cpu === undefined ? 0 : costs.loadCpu / (costs.loadCpu + costs.cpu || 1),
  )
  return Math.max(0, ...shares)
}

function cpuOf({ cpuPer }: Workload | UploadWorkload, runs: readonly Run[]): Cell['cpu'] {
  if (cpuPer === undefined) return undefined
  const scale = cpuPer === 'GiB' ? 2 ** 30 : 1000
  const per = (seconds: (run: Run) => number | undefined): number =>
    summary(runs.map((run) => ((seconds(run) ?? Number.NaN) / (run.amount ?? Number.NaN)) * scale)).median
  const [answer, after] = [per((run) => run.costs?.cpu), per((run) => run.costs?.cpuAfter)]
  if (Number.isNaN(answer) || Number.isNaN(after)) return undefined
  return { answer, after, unit: cpuPer === 'GiB' ? 's/GiB' : `ms/${cpuPer}` }
}

export function markdown(results: Results): string {
  const lines = [
    ...(results.profiled ? ['**Measured under a profiler: these numbers do not count.**', ''] : []),
    ...(results.quick ? ['**Measured with `--quick`: a first look, not a result.**', ''] : []),
    ...tablesOf(results.table).flatMap(markdownTable).slice(1),
    ...aims(results.runs),
    '',
    ...results.servers.map(({ name, version, guarantee }) => `- **${name}** (${version}): ${guarantee}.`),
    '',
    machineLine(results),
    '',
    `\`${results.command}\`, ${results.date.slice(0, 10)}.`,
  ]
  const failed = results.failures.map(
    (it) => `- ${it.workload}, ${it.server}, round ${it.round}: ${it.message.split('\n')[0]}`,
  )
  if (failed.length > 0) lines.push('', '**Failed, so without a number:**', '', ...failed)
  return `${lines.join('\n')}\n`
}

/** Head and rows of each side that was measured. */
function tablesOf(table: readonly Row[]): string[][][] {
  return (['server', 'client'] as const).flatMap((side) => {
    const rows = table.filter((row) => row.side === side)
    if (rows.length === 0) return []
    const names = rows[0]?.cells.map(({ server }) => server) ?? []
    const head = ['', ...names, ...names.slice(1).map((name) => `ratio to ${name}`), `${side} CPU`]
    return [[head, ...rows.map(texts)]]
  })
}

function markdownTable([head = [], ...rows]: string[][]): string[] {
  return [
    '',
    `| ${head.join(' | ')} |`,
    `|${'---|'.repeat(head.length)}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ]
}

function aims(runs: readonly Run[]): string[] {
  const lines = goalLines(runs)
  if (lines.length === 0) return []
  return ['', '| Goal | Aimed at | Median | |', '|---|---|---|---|', ...lines]
}

/** For the terminal: the same columns, aligned. */
export function text(results: Results): string {
  const lines = tablesOf(results.table).flatMap((rows) => {
    const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
    const aligned = rows.map((row) => row.map((cell, i) => cell.padEnd(widths?.[i] ?? 0)).join('   '))
    return ['', ...aligned.map((line) => line.trimEnd())]
  })
  return `${[...lines, '', machineLine(results)].join('\n')}\n`
}

function texts(row: Row): string[] {
  const spread = ({ median, min, max }: Summary, of: (value: number) => string): string =>
    `${of(median)} (${of(min)}–${of(max)})`
  return [
    `${row.title}, ${row.unit}${row.better === 'lower' ? ', less is better' : ''}`,
    ...row.cells.map(({ value, skipped }) =>
      value === undefined ? (skipped ? '–' : 'failed') : spread(value, rounded),
    ),
    ...row.cells.slice(1).map((cell) => (cell.ratio === undefined ? '–' : spread(cell.ratio, twoDigits))),
    cpuText(row.cells),
  ]
}

/** As long as nothing happens behind the answer, one number per server is enough. */
function cpuText(cells: readonly Cell[]): string {
  const unit = cells.find(({ cpu }) => cpu !== undefined)?.cpu?.unit
  if (unit === undefined) return '–'
  const each = cells.map(({ cpu }) => {
    if (cpu === undefined) return '–'
    const [answer, after] = [twoDigits(cpu.answer), twoDigits(cpu.after)]
    return cpu.after > cpu.answer * 1.05 ? `${answer} (${after} in the end)` : answer
  })
  return `${each.join(' / ')} ${unit}`
}

function rounded(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}

function twoDigits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

function machineLine({ machine, rounds, clientShare, bulkMiB }: Results): string {
  return (
    `${machine.cores} cores (${machine.cpu}) shared by client and server, ${machine.memoryGiB} GiB, ` +
    `${machine.system}, Node ${machine.node}, ${machine.fileSystem}; load before ${machine.loadBefore}; ` +
    `large uploads have ${bulkMiB} MiB (together); medians of ${rounds} rounds (min–max); at most ${(clientShare * 100).toFixed(0)} % of the CPU time was the client's`
  )
}
