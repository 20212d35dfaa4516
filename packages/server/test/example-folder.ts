/** The folder of examples, installed, and its pages as their commands serve them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { install } from '../../../scripts/install.mjs'
import { freePort, type Pawl } from './process.ts'
import { until } from './until.ts'

export const examples = fileURLToPath(new URL('../../../examples', import.meta.url))
export const chromiumPath = process.env.PAWL_TEST_CHROMIUM || '/usr/bin/chromium'

/** @param below Of one that has dependencies of its own. */
export async function installExamples(below = ''): Promise<void> {
  await install(join(examples, below), { dev: true, say: console.log })
}

export function launch(): Promise<Browser> {
  const flags = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
  // In the C locale it cannot open files whose names are not ASCII.
  const env = { ...process.env, LANG: 'C.UTF-8' }
  return chromium.launch({ executablePath: chromiumPath, env, args: ['--headless=new', ...flags] })
}

/** What an example is told of the server. */
export function exampleEnv({ url, output }: Pawl): NodeJS.ProcessEnv {
  const key = (name: string): string => new RegExp(`${name} key +(\\S+)`).exec(output)?.[1] ?? ''
  return {
    ...process.env,
    NODE_ENV: 'development',
    PAWL_URL: url,
    PAWL_KEY: key('anon'),
    PAWL_SERVICE_KEY: key('service'),
  }
}

/** Runs `vite <name>`, or Next.js, and hands on a page in a context of its own and where the example is. */
export async function atExample(
  browser: Browser,
  name: string,
  env: NodeJS.ProcessEnv,
  use: (page: Page, url: string) => Promise<void>,
): Promise<void> {
  const port = await freePort()
  const host = ['--port', String(port)]
  const args =
    name === 'next'
      ? ['next/node_modules/next/dist/bin/next', 'dev', name, ...host, '--hostname', '127.0.0.1']
      : ['node_modules/vite/bin/vite.js', name, ...host, '--strictPort', '--host', '127.0.0.1']
  const child = spawn(process.execPath, args, {
    cwd: examples,
    env: { ...env, NEXT_TELEMETRY_DISABLED: '1' },
    stdio: 'ignore',
    detached: true,
  })
  const exited = once(child, 'exit')
  const end = endWithProcess(child)
  const context = await browser.newContext()
  try {
    const url = `http://127.0.0.1:${port}/`
    await until('the example answers', () => answers(url), 180_000)
    await use(await context.newPage(), url)
  } finally {
    await context.close()
    end()
    await exited
  }
}

export const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )

/** A test that was given up leaves nothing running behind, nor what its process has started. */
function endWithProcess(child: ChildProcess): () => void {
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  return end
}
