// `npm run test:full [adapter…]`: every test of the adapters with long bodies and all kills, then the READMEs'
// table of what they lived through. With names only theirs; the rest of the table stays.
import { dirname, join, relative } from 'node:path'
import { startVitest } from 'vitest/node'
import { type Result, writeTables } from './adapters.ts'
import { provide } from './provide.ts'
import { root } from './tool.ts'

const wanted = process.argv.slice(2)
// PAWL_FULL=0 leaves out the bodies of 1 GiB.
process.env.PAWL_FULL ??= '1'
const { failures } = await provide(console.log)
if (failures.length > 0) throw new Error(failures.join('\n'))

interface Count {
  passed: number
  kills: number
}

const counts = new Map<string, Count>()
const failed = new Set<string>()
let broken = 0

/** Runs test files; each test counts for the adapter of its folder, a kill for the one that its title begins with. */
async function count(files: readonly string[], pattern?: string): Promise<void> {
  const options = pattern === undefined ? {} : { testNamePattern: pattern }
  const vitest = await startVitest([...files], { run: true, watch: false, ...options })
  for (const module of vitest.state.getTestModules()) {
    // Tests of a file that could not be loaded are missing, not skipped.
    if (module.errors().length > 0) broken++
    const folder = relative(join(root, 'packages/client/src/adapters'), dirname(module.moduleId))
    for (const test of module.children.allTests()) {
      const [, killed, times] =
        /^([a-z\d-]+).*: an upload whose process is killed (\d+) times/.exec(test.fullName) ?? []
      const name = killed ?? (folder.includes('..') ? undefined : folder)
      const { state } = test.result()
      if (name === undefined || state === 'skipped') continue
      const so = counts.get(name) ?? { passed: 0, kills: 0 }
      if (state !== 'passed') failed.add(name)
      counts.set(name, { passed: so.passed + 1, kills: so.kills + Number(times ?? 0) })
    }
  }
  broken += vitest.state.getUnhandledErrors().length
  await vitest.close()
}

const adapters = 'packages/client/src/adapters/'
const kills = 'packages/client/test/kill/'
if (wanted.length === 0)
  await count([adapters, kills, 'packages/emulators/src/', 'packages/cli/test/packed.test.ts'])
else {
  await count(wanted.map((name) => `${adapters}${name}/`))
  await count([kills], `^(${wanted.join('|')})\\b`)
}

for (const name of failed) console.log(`${name} failed: its row stays as it was.`)
if (broken > 0) console.log(`${broken} files or errors outside of tests: no row is written.`)
else {
  const fresh: Record<string, Result> = Object.fromEntries([...counts].filter(([name]) => !failed.has(name)))
  writeTables(root, fresh)
  console.log(`${Object.keys(fresh).length} rows of the table of adapters written`)
}
process.exitCode = broken > 0 || failed.size > 0 || counts.size === 0 ? 1 : 0
