/** The benchmark from options to results. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataFolders } from './data-folders.ts'
import { machine } from './machine.ts'
import type { Options } from './options.ts'
import { clientShareOf, markdown, type Results, tableOf, text } from './report.ts'
import { runRounds } from './rounds.ts'
import type { Contestant } from './servers/contestant.ts'
import { scales } from './workloads/workloads.ts'

const results = join(import.meta.dirname, 'results')

/** Resolves to whether every verification passed. */
export async function bench(asked: Options): Promise<boolean> {
  const say = (line: string): void => console.error(line)
  const options = {
    ...asked,
    servers: await prepared(asked.servers, say),
    uploaders: await prepared(asked.uploaders, say),
  }
  const everybody = [...options.servers, ...options.uploaders]
  // Inside the checkout rather than in the system's folder for temporary files, which may be memory.
  const folders = await DataFolders.open(join(import.meta.dirname, '../.cache/bench'))
  try {
    const before = machine(folders.root)
    const scale = options.quick ? scales.quick : scales.full
    const profiles = options.profile ? join(results, 'profiles') : undefined
    say(`order by seed ${options.seed}; load before ${before.loadBefore}`)
    const rounds = await runRounds(options, scale, folders, profiles, say)
    const found: Results = {
      date: new Date().toISOString(),
      command: commandOf(options),
      quick: options.quick,
      profiled: options.profile,
      bulkMiB: scale.bulkBytes / 2 ** 20,
      machine: before,
      servers: everybody.map(({ name, guarantee, version }) => ({
        name,
        version: version(),
        guarantee,
      })),
      table: tableOf(options.workloads, everybody, rounds.runs, rounds.failures),
      clientShare: clientShareOf(rounds.runs),
      ...rounds,
    }
    await save(found)
    console.log(options.json ? JSON.stringify(found, null, 2) : `\n${text(found)}`)
    return rounds.failures.length === 0
  } finally {
    await folders.close()
  }
}

async function prepared<T extends Pick<Contestant, 'prepare'>>(
  all: readonly T[],
  say: (line: string) => void,
): Promise<T[]> {
  const able: T[] = []
  for (const one of all) if (await one.prepare(say)) able.push(one)
  return able
}

async function save(found: Results): Promise<void> {
  await mkdir(results, { recursive: true })
  const name = found.date.slice(0, 19).replaceAll(':', '-')
  await writeFile(join(results, `${name}.json`), `${JSON.stringify(found, null, 2)}\n`)
  await writeFile(join(results, `${name}.md`), markdown(found))
}

function commandOf(options: Options): string {
  const names = options.workloads.map(({ name }) => name).join(',')
  const flags = [
    ...(options.quick ? ['--quick'] : []),
    `--only ${names}`,
    `--servers ${[...options.servers, ...options.uploaders].map(({ name }) => name).join(',')}`,
    `--runs ${options.runs}`,
    `--seed ${options.seed}`,
  ]
  return `npm run bench -- ${flags.join(' ')}`
}
