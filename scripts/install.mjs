// Installs dependencies when, and only when, they are missing. Runs before anything is installed, so it is
// plain JavaScript without imports from packages, and works on every Node from 20.19.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Says why node_modules does not hold what the lock file asks for, or undefined when it does. `adds` means
 * that packages are missing but everything that is there is right.
 *
 * `installed` is npm's own record of what it put into node_modules. Reading it, rather than keeping a marker
 * of our own, also accepts what somebody installed by hand: a needless `npm ci` would empty node_modules
 * under a server or a test run that is using it.
 */
export function staleness({
  manifests,
  lock,
  installed,
  dev,
  platform = process.platform,
  arch = process.arch,
}) {
  for (const [folder, manifest] of Object.entries(manifests)) {
    const locked = lock.packages[folder] ?? {}
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
      if (same(manifest[kind], locked[kind])) continue
      return {
        why: `package-lock.json does not have the ${kind} of ${folder || 'package.json'}`,
        adds: false,
      }
    }
  }
  if (!installed) return { why: 'nothing is installed', adds: false }
  const missing = []
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (!path.includes('node_modules/')) continue
    if (!dev && (wanted.dev || wanted.devOptional)) continue
    const found = installed.packages[path]
    if (found && (found.version !== wanted.version || found.integrity !== wanted.integrity)) {
      return { why: `${path} is another version`, adds: false }
    }
    // Packages for other machines are absent on purpose. What `libc` narrows down is left to npm.
    const meant = wanted.os?.includes(platform) && wanted.cpu?.includes(arch) && !wanted.libc
    if (!found && (meant || !(wanted.optional || wanted.devOptional))) missing.push(path)
  }
  if (missing.length > 0) return { why: `${missing.length} packages are missing`, adds: true }
  return undefined
}

function same(a = {}, b = {}) {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}

/** Makes node_modules match the lock file. Throws an Error with a message for people. */
export async function install(root, { dev, say }) {
  if (!look(root, dev)) return
  const release = await lock(root, say)
  try {
    const stale = look(root, dev) // somebody else may have installed while this process waited
    if (!stale) return
    say(`Installing dependencies (once): ${stale.why} …`)
    const started = performance.now()
    // `npm ci` starts by emptying node_modules. `npm start` may be running from it while the first `npm test`
    // needs more packages: then those are added, and what is there stays as it is.
    const how = stale.adds ? ['install', '--no-save'] : ['ci']
    await npm(root, [...how, dev ? '--include=dev' : '--omit=dev'])
    say(`Dependencies are installed (${((performance.now() - started) / 1000).toFixed(0)} s).`)
  } finally {
    release()
  }
}

function look(root, dev) {
  const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))
  const lock = read('package-lock.json')
  const folders = Object.keys(lock.packages).filter((path) => !path.includes('node_modules/'))
  const manifests = Object.fromEntries(folders.map((folder) => [folder, read(join(folder, 'package.json'))]))
  let installed
  try {
    installed = read('node_modules/.package-lock.json')
  } catch {} // absent, or cut off by a crash: both mean that npm has to run
  return staleness({ manifests, lock, installed, dev })
}

function npm(root, args) {
  // The npm that runs this script, on the Node that it runs on: `npm` found through PATH could run on the
  // Node inside node_modules, which `npm ci` is about to delete.
  const { npm_execpath: script, npm_node_execpath: node, ...env } = process.env
  // Without a network the defaults are silent for more than a minute before they say so.
  const flags = ['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=10000']
  flags.push('--loglevel=error') // packages that ask for a newer Node run on the one that is installed with them
  const options = { cwd: root, env, stdio: ['ignore', 2, 2] }
  const child =
    script && node
      ? spawn(node, [script, ...args, ...flags], options)
      : spawn('npm', [...args, ...flags], { ...options, shell: process.platform === 'win32' })
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`npm could not be started: ${error.message}`)))
    child.on('exit', (code, signal) => {
      if (code === 0) resolve()
      else if (signal) reject(new Error(`npm was ended by ${signal} while it installed the dependencies.`))
      else reject(new Error(`npm could not install the dependencies; its lines above say why.\n${advice}`))
    })
  })
}

const advice =
  'Without a connection to the npm registry this cannot work: connect and run the same command again.'

/** One installer per checkout: two `npm ci` at once delete each other's files. */
async function lock(root, say) {
  const path = join(root, '.cache', 'install.lock')
  mkdirSync(join(root, '.cache'), { recursive: true })
  for (let told = false; ; told = true) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    // The holder touches its file every 2 s, so an old one was left by a process that died.
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > 10_000) rmSync(path, { force: true })
    else if (!told) say('Waiting for another process that installs the dependencies …')
    await sleep(500)
  }
  const alive = setInterval(() => utimesSync(path, new Date(), new Date()), 2000)
  return () => {
    clearInterval(alive)
    rmSync(path, { force: true })
  }
}
