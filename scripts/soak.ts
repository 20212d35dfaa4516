// `npm run test:soak -- --kills 10000 --schedules 100000 --minutes 60 --seed 1`: kills, faults and races for as
// long as asked. It runs the tests that `npm test` runs in short, round after round, each with a seed of its own
// that is printed before it begins: `--seed <that seed> --rounds 1` repeats a round.
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { provideServices } from './services.ts'
import { root, tool } from './tool.ts'

const HELP = `npm run test:soak -- [options]

  --kills N       kill -9 of a server at full speed, in all (default 1000)
  --schedules N   simulated schedules of clients, faults and crashes, in all (default 10000)
  --minutes N     stop after the round in which this time is over, done or not
  --rounds N      stop after so many rounds
  --cluster       also a cluster of three nodes, once: 200 uploads of 16 to 512 MiB while nodes are killed,
                  Postgres is restarted and S3 is away (Debian's Postgres, Ceph and nginx)
  --abuse         also the clients that mean harm, once, in the sizes of docs/limits.md
  --seed N        of the first round; the next ones count on from it

Ends with 0 when everything asked for ran and nothing was found, 1 when a round did not pass.
`

/** A round is short enough to repeat by itself, also where a kill takes seconds. */
const KILLS_PER_ROUND = 20
const SCHEDULES_PER_ROUND = 1000

interface Work {
  readonly name: string
  readonly file: string
  readonly env: (seed: number, count: number) => Readonly<Record<string, string>>
  readonly perRound: number
  left: number
}

function options() {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '1000' },
      schedules: { type: 'string', default: '10000' },
      minutes: { type: 'string' },
      rounds: { type: 'string' },
      abuse: { type: 'boolean', default: false },
      cluster: { type: 'boolean', default: false },
      seed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const number = (name: string, text: string | undefined, otherwise: number): number => {
    if (text === undefined) return otherwise
    if (!/^\d{1,12}(\.\d+)?$/.test(text)) throw new Error(`--${name} must be a number, not ${text}`)
    return Number(text)
  }
  return {
    kills: number('kills', values.kills, 0),
    schedules: number('schedules', values.schedules, 0),
    minutes: number('minutes', values.minutes, Number.POSITIVE_INFINITY),
    rounds: number('rounds', values.rounds, Number.POSITIVE_INFINITY),
    seed: number('seed', values.seed, randomInt(2 ** 31)),
    abuse: values.abuse,
    cluster: values.cluster,
    help: values.help,
  }
}

async function soak({
  kills,
  schedules,
  minutes,
  rounds,
  seed,
  abuse,
  cluster,
}: ReturnType<typeof options>): Promise<boolean> {
  const works: Work[] = [
    {
      name: 'schedules',
      file: 'packages/server/src/uploads/engine.model.test.ts',
      env: (seed, count) => ({ PAWL_TEST_SEED: String(seed), PAWL_TEST_SCHEDULES: String(count) }),
      perRound: SCHEDULES_PER_ROUND,
      left: schedules,
    },
    {
      name: 'kills',
      file: 'packages/server/test/kill-at-full-speed.test.ts',
      env: (seed, count) => ({ PAWL_TEST_SEED: String(seed), PAWL_TEST_KILLS: String(count) }),
      perRound: KILLS_PER_ROUND,
      left: kills,
    },
  ]
  const done = { schedules: 0, kills: 0, rounds: 0 }
  const begun = Date.now()
  const passed = (): number => (Date.now() - begun) / 60_000
  let good = true

  if (abuse) {
    say('clients that mean harm …')
    good = await runTest('packages/server/test/abuse.test.ts', { PAWL_TEST_ABUSE: '1' })
  }
  if (cluster) {
    say('a cluster …')
    const env = { PAWL_TEST_CLUSTER: 'large', PAWL_TEST_SEED: String(seed) }
    good = (await runTest('packages/cli/test/cluster/cluster.test.ts', env)) && good
  }
  // Schedules take a seed each: rounds do not overlap.
  for (let next = seed; done.rounds < rounds && passed() < minutes; next += SCHEDULES_PER_ROUND) {
    const waiting = works.filter(({ left }) => left > 0)
    if (waiting.length === 0) break
    for (const work of waiting) {
      // Kills come in pairs: two servers side by side.
      const count = Math.min(work.perRound, work.left + (work.left % 2))
      say(`${passed().toFixed(1)} min: ${count} ${work.name}, seed ${next}`)
      const ok = await runTest(work.file, work.env(next, count))
      work.left = Math.max(0, work.left - count)
      if (work.name === 'kills') done.kills += count
      else done.schedules += count
      if (!ok)
        say(`DID NOT PASS, see above: repeat it with --seed ${next} --rounds 1 --${work.name} ${count}`)
      good &&= ok
      if (passed() >= minutes) break
    }
    done.rounds += 1
  }
  const missing = works.filter(({ left }) => left > 0).map(({ name, left }) => `${left} ${name} left`)
  say(
    `${done.kills} kills and ${done.schedules} schedules in ${passed().toFixed(1)} min, from seed ${seed}: ` +
      `${good ? 'nothing found' : 'not all of it passed, see above'}${missing.length > 0 ? ` (${missing.join(', ')})` : ''}`,
  )
  return good
}

/** Runs one test file in a process of its own; prints what it says when it fails. */
async function runTest(file: string, env: Readonly<Record<string, string>>): Promise<boolean> {
  const args = [tool('vitest', 'vitest'), 'run', '--testTimeout', '3600000', file]
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running = child
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk) => chunks.push(chunk))
  child.stderr.on('data', (chunk) => chunks.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  )
  running = undefined
  const output = Buffer.concat(chunks).toString()
  if (code !== 0) console.log(output)
  else
    for (const line of output.split('\n'))
      if (/^\d+ .*(kills|each|connections|uploads)/.test(line)) say(`  ${line}`)
  return code === 0
}

function say(line: string): void {
  console.log(line)
}

let running: ReturnType<typeof spawn> | undefined
// No test of ours goes on when the soak was ended.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    running?.kill()
    process.exit(code)
  })
}

try {
  const asked = options()
  if (asked.help) console.log(HELP)
  else {
    await provideServices(say)
    process.exitCode = (await soak(asked)) ? 0 : 1
  }
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`)
  process.exitCode = 2
}
