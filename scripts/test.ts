// `npm test`: provides what tests need, runs them, and prints `N passed, N failed` as its last line.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseCLI, startVitest, type TestCase } from 'vitest/node'
import { buildToRun } from './pack.ts'
import { buildPage } from './page.ts'
import { provide } from './provide.ts'
import { root } from './tool.ts'

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])

// What goes wrong outside of any test still has to count: on a build machine a missing service, a page that
// cannot be built, a file that cannot be loaded, an error that nobody caught.
const trouble: string[] = []

const lacking = await provide(console.log)
trouble.push(...lacking.failures)
if (process.env.CI)
  trouble.push(...lacking.packages.map((name) => `${name} is missing; with CI set that is a failure`))
await buildPage(console.log).catch((error: Error) => trouble.push(error.message))
// Tests start servers by the hundred: as they are published, which takes a quarter less of the CPU's time than from sources.
const server = join(root, '.cache', `test-server-${process.pid}`)
process.once('exit', () => rmSync(server, { recursive: true, force: true }))
await buildToRun('server', server).catch((error: Error) => trouble.push(error.message))
process.env.PAWL_TEST_SERVER = join(server, 'dist', 'main.js')

const vitest = await startVitest(filter, { ...options, run: true, watch: false })
const modules = vitest.state.getTestModules()
const tests = modules.flatMap((module) => [...module.children.allTests()])
const count = (state: string) => tests.filter((test) => test.result().state === state).length
for (const module of modules)
  if (module.errors().length > 0) trouble.push(`${module.relativeModuleId} could not run`)
for (const _ of vitest.state.getUnhandledErrors()) trouble.push('an error outside of any test')
// Tests of other names than the one that was asked for are skipped, too: nobody wants to read of those.
const skips = options.testNamePattern === undefined ? tests.map(skipOf).filter((it) => it !== undefined) : []
if (process.env.CI)
  for (const { name, why } of skips)
    if (why === undefined)
      trouble.push(`${name} is skipped without a reason: give one with skip(condition, 'because …')`)
await vitest.close()

const [passed, failed, skipped] = [count('passed'), count('failed') + trouble.length, count('skipped')]
if (passed + failed === 0) console.log('No test ran.')
for (const { name, why } of skips) console.log(`skipped: ${name}: ${why ?? 'not on this machine, see above'}`)
for (const test of tests) {
  if (!test.diagnostic()?.flaky) continue
  const why = test.result().errors?.[0]?.message.split('\n', 1)[0]
  console.log(
    `unsteady: ${test.module.relativeModuleId} > ${test.fullName} passed at the second try; at the first: ${why}`,
  )
}
for (const line of trouble) console.log(`failed: ${line}`)
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

/** A test that was skipped, and what it says of that. */
function skipOf(test: TestCase): { name: string; why: string | undefined } | undefined {
  const result = test.result()
  if (result.state !== 'skipped') return undefined
  return { name: `${test.module.relativeModuleId} > ${test.fullName}`, why: result.note }
}
