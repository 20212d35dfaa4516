// `npm run test:full [adapter…]`: every test of the adapters with long bodies and all kills, then the READMEs'
// table of what they lived through. With names only theirs; the rest of the table stays.
import { dirname, join, relative } from 'node:path'
import { startVitest } from 'vitest/node'
import { type Result, writeTables } from './adapters.ts'
import { install } from './install.mjs'
import { provideServices } from './services.ts'
import { root } from './tool.ts'
import { provideUnpacked } from './unpack.ts'

const wanted = process.argv.slice(2)
// PAWL_FULL=0 leaves out the bodies of 1 GiB.
process.env.PAWL_FULL ??= '1'
provideServices(console.log)
provideUnpacked(console.log)
for (const folder of ['packages/client/test/vendor', 'packages/emulators/vendor'])
  await install(join(root, folder), { dev: true, say: console.log })

const files =
  wanted.length === 0
    ? ['packages/client/src/adapters', 'packages/client/test/kill', 'packages/emulators/src']
    : [...wanted.map((name) => `packages/client/src/adapters/${name}/`), 'packages/client/test/kill']
const named = wanted.length === 0 ? {} : { testNamePattern: `^(${wanted.join('|')})\\b` }
const vitest = await startVitest(files, { run: true, watch: false, ...named })

const counts = new Map<string, { passed: number; kills: number; bad: boolean }>()
for (const module of vitest.state.getTestModules()) {
  const folder = relative(join(root, 'packages/client/src/adapters'), dirname(module.moduleId))
  for (const test of module.children.allTests()) {
    const [, killed, times] =
      /^([a-z\d-]+).*: an upload whose process is killed (\d+) times/.exec(test.fullName) ?? []
    const name = killed ?? (folder.includes('..') ? undefined : folder)
    const { state } = test.result()
    if (name === undefined || (wanted.length > 0 && !wanted.includes(name)) || state === 'skipped') continue
    const count = counts.get(name) ?? { passed: 0, kills: 0, bad: false }
    if (state === 'passed') count.passed++
    else count.bad = true
    if (state === 'passed') count.kills += Number(times ?? 0)
    counts.set(name, count)
  }
}
await vitest.close()
const fresh: Record<string, Result> = {}
for (const [name, { passed, kills, bad }] of counts) {
  if (bad) console.log(`${name} failed: its row stays as it was.`)
  else fresh[name] = { passed, kills }
}
writeTables(root, fresh)
console.log(`${Object.keys(fresh).length} rows of the table of adapters written`)
process.exitCode = [...counts.values()].some(({ bad }) => bad) || counts.size === 0 ? 1 : 0
