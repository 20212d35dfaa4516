// `node scripts/run.mjs <command> [args…]`: installs what the command needs, then runs scripts/<command>.ts
// on the Node that this repository pins. Needs only Node 20.19 and npm itself.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install } from './install.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const say = (line) => process.stderr.write(`${line}\n`)

function stop(message) {
  say(message)
  process.exit(1)
}

const [command = '', ...args] = process.argv.slice(2)
const script = join(root, 'scripts', `${command}.ts`)
const commands = ['start', 'test', 'full', 'check', 'format', 'pack', 'bench', 'soak', 'docs', 'cluster']
if (!commands.includes(command) || !existsSync(script)) {
  const known = commands.filter((name) => readdirSync(join(root, 'scripts')).includes(`${name}.ts`))
  stop(`Usage: node scripts/run.mjs <${known.join('|')}> [arguments …]`)
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  stop(`Node ${process.versions.node} is too old: Node 20.19 or newer is needed to install and start Pawl.`)
}

await install(root, { dev: command !== 'start', say }).catch((error) => stop(error.message))

const node = pinnedNode()
const child = spawn(node, [script, ...args], {
  stdio: 'inherit',
  env: {
    ...process.env,
    PATH: [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH]
      .filter(Boolean)
      .join(delimiter),
  },
})

// Signals are for the child; this process only lives as long as it does. A Ctrl-C on a terminal already
// reached both, and the child takes a second one as "exit at once", so that one is not passed on.
const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
process.on('SIGINT', () => terminal || child.kill('SIGINT'))
let ending = false
process.on('SIGTERM', () => {
  ending = child.kill('SIGTERM')
})
process.on('SIGHUP', () => terminal || child.kill('SIGHUP'))

// npm passes SIGTERM on to the shell between it and this process, and many shells die of it without telling
// anybody. Without this the server would live on, with its port and its data folder.
if (process.env.npm_lifecycle_event) {
  const shell = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(timer)
    if (!ending) child.kill('SIGTERM')
  }, 250)
}

child.on('error', (error) => stop(`${node} could not be started: ${error.message}`))
child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))

/** The Node of the lock file; where it has none for this machine, the machine's own if that is new enough. */
function pinnedNode() {
  const { platform, arch } = process
  const file = platform === 'win32' ? 'node.exe' : 'node'
  const path = join(
    root,
    'node_modules',
    `node-${platform === 'win32' ? 'win' : platform}-${arch}`,
    'bin',
    file,
  )
  if (existsSync(path) && !musl()) return path
  if (major >= 24) return process.execPath
  return stop(
    `Pawl runs on Node 24. The npm registry has no build of it for this system (${platform}-${arch}), and this ` +
      `is Node ${process.versions.node}: install Node 24 from https://nodejs.org and run the command again.`,
  )
}

/** Builds of Node in the npm registry need glibc; Alpine, for one, does not have it. */
function musl() {
  if (process.platform !== 'linux' || !process.report) return false
  process.report.excludeNetwork = true // looking up names of network peers can take seconds
  return process.report.getReport().header.glibcVersionRuntime === undefined
}
