/** The arguments of `npm run bench`. */
import { parseArgs } from 'node:util'
import { type Contestant, isUploader, type Uploader } from './servers/contestant.ts'
import { servers } from './servers/servers.ts'
import { uploaders } from './uploaders/uploaders.ts'
import type { UploadWorkload, Workload } from './workloads/workload.ts'
import { uploadWorkloads, workloads } from './workloads/workloads.ts'

const allWorkloads: readonly (Workload | UploadWorkload)[] = [...workloads, ...uploadWorkloads]
const everybody: readonly (Contestant | Uploader)[] = [...servers, ...uploaders]

export interface Options {
  readonly workloads: readonly (Workload | UploadWorkload)[]
  readonly servers: readonly Contestant[]
  /** Clients. */
  readonly uploaders: readonly Uploader[]
  readonly quick: boolean
  /** Rounds; each measures every server once with every workload. */
  readonly runs: number
  /** Decides the order within each round. */
  readonly seed: number
  /** Only JSON on stdout. */
  readonly json: boolean
  /** Write CPU profiles of the servers; numbers made with it do not count. */
  readonly profile: boolean
}

export const usage = `npm run bench -- [options]

  --quick            less work, fewer workloads and servers, as many rounds as fit into 90 s; for a first look
  --only a,b         only these workloads, each by its name, or by the beginning of several:
                     ${allWorkloads.map(({ name }) => name).join(', ')}
  --servers a,b      only these servers and clients: ${everybody.map(({ name }) => name).join(', ')}
  --runs N           rounds (5)
  --seed N           repeats the order of an earlier run
  --json             prints the results as JSON and nothing else
  --profile          writes a CPU profile of each server to bench/results/profiles/; the numbers do not count
`

/** What fits into 90 s, unless something else is asked for. */
const QUICK = {
  only: 'patch-one,patch-6m,small-1,small-16,small-64,creation-64,head,memory-200,handover,upload-1,upload-1-verified,upload-s3',
  servers: 'pawl,tus-server,client,curl,tus-js-client',
}

/** @throws Error for people */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      servers: { type: 'string' },
      runs: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
    },
  })
  const quick = values.quick ? QUICK : undefined
  const chosen = select('server or client', everybody, values.servers ?? quick?.servers)
  return {
    workloads: select('workload', allWorkloads, values.only ?? quick?.only),
    servers: chosen.filter((contestant): contestant is Contestant => !isUploader(contestant)),
    uploaders: chosen.filter(isUploader),
    quick: values.quick,
    runs: number('--runs', values.runs ?? (values.profile ? '1' : '5'), 1),
    seed: number('--seed', values.seed ?? String(Date.now() % 2 ** 31), 0),
    json: values.json,
    profile: values.profile,
  }
}

function select<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: string | undefined,
): readonly T[] {
  if (names === undefined) return all
  const wanted = names.split(',').map((name) => name.trim())
  const known = new Set(all.map((item) => item.name))
  const fits = (item: T, name: string): boolean =>
    known.has(name) ? item.name === name : item.name.startsWith(`${name}-`)
  for (const name of wanted) {
    if (all.some((item) => fits(item, name))) continue
    throw new Error(`there is no ${what} ${name}: ${all.map((item) => item.name).join(', ')}`)
  }
  return all.filter((item) => wanted.some((name) => fits(item, name)))
}

function number(flag: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least) throw new Error(`${flag} is a number from ${least}`)
  return value
}
