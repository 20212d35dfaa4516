/** The folder of examples, installed, and its pages as their commands serve them. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'
import { freePort, type Pawl } from './process.ts'
import { until } from './until.ts'

export const examples = fileURLToPath(new URL('../../../examples', import.meta.url))
export const chromiumPath = process.env.PAWL_TEST_CHROMIUM || '/usr/bin/chromium'

export async function installExamples(): Promise<void> {
  if (existsSync(join(examples, 'node_modules'))) return
  await promisify(execFile)('npm', ['ci', '--loglevel=error'], { cwd: examples })
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

/** Runs `vite <name>`, and hands on a page in a context of its own and where the example is. */
export async function atExample(
  browser: Browser,
  name: string,
  env: NodeJS.ProcessEnv,
  use: (page: Page, url: string) => Promise<void>,
): Promise<void> {
  const port = await freePort()
  const command = join(examples, 'node_modules/vite/bin/vite.js')
  const args = [command, name, '--port', String(port), '--strictPort', '--host', '127.0.0.1']
  const vite = spawn(process.execPath, args, { cwd: examples, env, stdio: 'ignore' })
  const exited = once(vite, 'exit')
  const end = endWithProcess(vite)
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

/** A test that was given up leaves nothing running behind. */
function endWithProcess(child: ChildProcess): () => void {
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  return end
}
