/** What was aimed at, and whether a run reached it. */
import type { Run } from './rounds.ts'
import { ratio, summary } from './statistics.ts'

interface Goal {
  readonly workload: string
  /** Whose number; the first of its side where it is left out. */
  readonly of: string
  /** Compared with whose; the number itself counts where it is left out. */
  readonly to?: string
  /** The CPU time counts instead of the number. */
  readonly cpu?: true
  /** Where this one of the details is less than the number compared with, it takes its place. */
  readonly orLess?: string
  /** One of the details instead of the number. */
  readonly detail?: string
  readonly least?: number
  readonly most?: number
}

const client = (workload: string, to: string, least: number): Goal => ({ workload, of: 'client', to, least })
const tus = (workload: string, least: number): Goal => ({ workload, of: 'pawl', to: 'tus-server', least })

const goals: readonly Goal[] = [
  { workload: 'patch-one', of: 'pawl', to: 'c-sync', least: 1.1 },
  { workload: 'patch-one', of: 'unsynced', to: 'c-plain', least: 0.75 },
  { workload: 'patch-one', of: 'unsynced', to: 'tus-server', least: 2.2 },
  { workload: 'patch-one', of: 'unsynced', to: 'c-plain', cpu: true, most: 2 },
  { workload: 'patch-one', of: 'pawl', to: 'undigested', orLess: 'createHashMBps', least: 0.9 },
  { workload: 'patch-6m-1', of: 'pawl', to: 'c-plain', least: 0.65 },
  { workload: 'patch-6m-4', of: 'pawl', to: 'c-plain', least: 0.65 },
  tus('patch-6m-1', 2.5),
  tus('patch-6m-4', 3),
  tus('small-1', 2),
  tus('small-16', 5),
  tus('small-64', 6),
  tus('small-256', 5),
  tus('small-deleting', 8),
  tus('creation-64', 6),
  tus('head', 3),
  { workload: 'memory-200', of: 'pawl', most: 25 },
  { workload: 'memory-1000', of: 'pawl', most: 60 },
  { workload: 'memory-fast-200', of: 'pawl', most: 100 },
  { workload: 'memory-fast-1', of: 'pawl', most: 20 },
  { workload: 'memory-huge', of: 'discarding', most: 20 },
  { workload: 'loop-delay', of: 'pawl', most: 15 },
  { workload: 'loop-delay', of: 'pawl', detail: 'maxMs', most: 40 },
  { workload: 'handover', of: 'pawl', most: 600 },
  { workload: 'growth', of: 'pawl', most: 1.3 },
  { workload: 'growth-sqlite', of: 'pawl', most: 2 },
  { workload: 'growth-postgres', of: 'pawl', most: 2 },
  client('upload-1', 'curl', 0.95),
  client('upload-4', 'curl', 0.95),
  client('upload-1-verified', 'curl', 0.85),
  client('upload-4-verified', 'curl', 0.85),
  client('upload-1-verified', 'tus-js-client', 2.3),
  client('upload-4-verified', 'tus-js-client', 2.3),
  client('upload-s3', 'lib-storage', 4),
  client('upload-link', 'client-6m', 1.3),
  { workload: 'upload-memory', of: 'client', most: 80 },
]

/** A line for each goal that was measured. */
export function goalLines(runs: readonly Run[]): string[] {
  return goals.flatMap((goal) => {
    const value = reachedBy(goal, runs)
    if (value === undefined) return []
    const { workload, of, to, cpu, detail, least, most } = goal
    const what = `${workload}${detail === undefined ? '' : ` (${detail})`}: ${of}${to === undefined ? '' : ` to ${to}`}${cpu ? ', CPU' : ''}`
    const aim = least === undefined ? `at most ${most}` : `at least ${least}`
    const met = (least === undefined || value >= least) && (most === undefined || value <= most)
    return [`| ${what} | ${aim} | ${value.toFixed(2)} | ${met ? 'reached' : '**missed**'} |`]
  })
}

function reachedBy(
  { workload, of, to, cpu, orLess, detail }: Goal,
  runs: readonly Run[],
): number | undefined {
  const numbers = (server: string, detail?: string): number[] =>
    runs
      .filter((run) => run.workload === workload && run.server === server)
      .toSorted((a, b) => a.round - b.round)
      .map(
        (run) =>
          (cpu ? run.costs?.cpu : detail === undefined ? run.value : run.details?.[detail]) ?? Number.NaN,
      )
  const ours = numbers(of, detail)
  const others = to === undefined ? undefined : numbers(to, detail)
  const less = orLess === undefined ? [] : numbers(of, orLess)
  const theirs = others?.map((number, round) => Math.min(number, less[round] ?? number))
  if (ours.length === 0 || theirs?.length === 0) return undefined
  return theirs === undefined ? summary(ours).median : ratio(ours, theirs).median
}
