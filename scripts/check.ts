// `npm run check`: everything about the sources that is decided without running them. One line per step, and
// the output of the steps that failed.
import { globSync } from 'node:fs'
import { relative } from 'node:path'
import { LIMIT, pageSizes } from '../packages/client/test/page-size.ts'
import { findStale } from './adapters.ts'
import { findViolations } from './imports.ts'
import { findBrokenLinks, markdownFiles } from './links.ts'
import { packAll } from './pack.ts'
import { root, run, tool } from './tool.ts'

type Step = readonly [name: string, run: () => Promise<{ code: number; output: string }>]

const steps: Step[] = [
  ...globSync(['tsconfig.json', 'packages/*/tsconfig.json', 'packages/*/test/tsconfig.json'], {
    cwd: root,
  }).map(
    (config): Step => [`types: ${config}`, () => run(tool('typescript', 'tsc'), ['-p', config, '--pretty'])],
  ),
  [
    'format and lint',
    () =>
      run(tool('@biomejs/biome', 'biome'), ['check', '--diagnostic-level=warn', '--error-on-warnings', '.']),
  ],
  ['dead code', () => run(tool('knip', 'knip'), ['--no-progress'])],
  [
    'import directions',
    async () => lines(findViolations(root), (it) => `imports ${it.imported}: ${it.because}`),
  ],
  [
    'links in documents',
    async () => lines(findBrokenLinks(root, markdownFiles(root)), (it) => `${it.target}: ${it.because}`),
  ],
  [
    'table and pages of adapters',
    async () => {
      const stale = findStale(root)
      return { code: stale.length, output: stale.join('\n') }
    },
  ],
  ['packages as published', checkPackages],
  ['size of the client in a page', checkSize],
]

async function checkPackages() {
  const outputs: string[] = []
  for (const { name, tarball, importable } of await packAll()) {
    const lint = await run(tool('publint', 'publint'), ['run', tarball, '--strict'])
    if (lint.code !== 0) outputs.push(`publint ${name}\n${lint.output}`)
    if (!importable) continue
    const types = await run(tool('@arethetypeswrong/cli', 'attw'), [tarball, '--profile', 'esm-only'])
    if (types.code !== 0) outputs.push(`attw ${relative(root, tarball)}\n${types.output}`)
  }
  return { code: outputs.length, output: outputs.join('\n') }
}

async function checkSize() {
  const large = (await pageSizes()).filter(({ size }) => size > LIMIT)
  const output = large.map(
    ({ where, size }) => `pawl + pawl/tus in ${where}: ${size} bytes, allowed ${LIMIT}`,
  )
  return { code: large.length, output: output.join('\n') }
}

function lines<T extends { file: string; line: number }>(found: readonly T[], tell: (it: T) => string) {
  return { code: found.length, output: found.map((it) => `${it.file}:${it.line} ${tell(it)}`).join('\n') }
}

// Two at a time: most steps keep one core busy.
const waiting = [...steps]
let failed = 0
async function work(): Promise<void> {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const [name, perform] = step
    const { code, output } = await perform().catch((error) => ({
      code: 1,
      output: String(error?.stack ?? error),
    }))
    console.log(`${code === 0 ? 'ok    ' : 'failed'}  ${name}`)
    if (code !== 0) console.log(output.replace(/^/gm, '        '))
    if (code !== 0) failed++
  }
}
await Promise.all([work(), work()])
console.log(failed === 0 ? 'All checks passed.' : `${failed} of ${steps.length} checks failed.`)
process.exitCode = failed === 0 ? 0 : 1
