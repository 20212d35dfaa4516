// System packages that tests run against. A test learns where one is from an environment variable, and skips
// itself when the variable is not set.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const services = [
  {
    variable: 'PAWL_TEST_CHROMIUM',
    binary: 'chromium',
    package: 'chromium',
    why: 'tests of the page in a browser',
  },
  {
    variable: 'PAWL_TEST_NGINX',
    binary: 'nginx',
    package: 'nginx-light',
    why: 'tests behind a proxy',
  },
  {
    variable: 'PAWL_TEST_HAPROXY',
    binary: 'haproxy',
    package: 'haproxy',
    why: 'tests behind a proxy',
  },
] as const

/** Sets the variables, installing what is missing where that is possible. Returns the packages still missing. */
export function provideServices(say: (line: string) => void): string[] {
  let missing = services.filter((service) => !provided(service))
  const command = `apt-get install -y --no-install-recommends ${missing.map((service) => service.package).join(' ')}`
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    for (const service of missing)
      say(`Installing the system package ${service.package}, for ${service.why} …`)
    const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    spawnSync('apt-get', ['update', '-qq'], options)
    spawnSync('apt-get', command.split(' ').slice(1), options)
    missing = missing.filter((service) => !provided(service))
  }
  for (const service of missing) say(`${service.package} is missing: ${service.why} cannot run.`)
  if (missing.length > 0) say(`On Debian or Ubuntu this installs what is missing: sudo ${command}`)
  return missing.map((service) => service.package)
}

function provided({ variable, binary }: (typeof services)[number]): boolean {
  process.env[variable] ||= find(binary)
  return process.env[variable] !== ''
}

function find(binary: string): string {
  if (process.platform === 'win32') return ''
  try {
    return execFileSync('/bin/sh', ['-c', `command -v ${binary}`], { encoding: 'utf8' }).trim()
  } catch {
    return ''
  }
}
