// System packages that tests run against. A test learns where one is from an environment variable, and skips
// itself when the variable is not set.
import { execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

interface Service {
  /** Where a test finds the path of `binary`. */
  readonly variable?: string
  /** There when this is: a command, or a file by its whole path. */
  readonly binary: string
  readonly packages: readonly string[]
  readonly why: string
  /** Written before the packages are installed: the file, and what is in it. */
  readonly before?: readonly [file: string, contents: string]
}

const services: readonly Service[] = [
  {
    variable: 'PAWL_TEST_CHROMIUM',
    binary: 'chromium',
    packages: ['chromium'],
    why: 'tests of the page in a browser',
  },
  { variable: 'PAWL_TEST_NGINX', binary: 'nginx', packages: ['nginx-light'], why: 'tests behind a proxy' },
  { variable: 'PAWL_TEST_HAPROXY', binary: 'haproxy', packages: ['haproxy'], why: 'tests behind a proxy' },
  {
    variable: 'PAWL_TEST_TUSPY',
    binary: '/usr/lib/python3/dist-packages/tusclient/client.py',
    packages: ['python3-tuspy'],
    why: 'tests of the example in Python',
  },
  {
    binary: '/usr/lib/python3/dist-packages/googleapiclient/http.py',
    packages: ['python3-googleapi'],
    why: "the proof of Google Drive's emulator",
  },
  {
    variable: 'PAWL_TEST_RCLONE',
    binary: 'rclone',
    packages: ['rclone', 'openssl'],
    why: "the proof of Google Drive's emulator",
  },
  { binary: 'rsync', packages: ['rsync', 'curl'], why: 'tests of what the documentation does' },
  {
    variable: 'PAWL_TEST_POSTGRES',
    binary: '/usr/lib/postgresql/15/bin/postgres',
    packages: ['postgresql-15'],
    why: 'tests of the catalog in Postgres',
    // Tests start servers of their own: the package need not make and start one.
    before: ['/etc/postgresql-common/createcluster.d/pawl-tests.conf', 'create_main_cluster = false\n'],
  },
  {
    binary: 'radosgw',
    packages: ['ceph-mon', 'ceph-osd', 'ceph-common', 'radosgw'],
    why: 'tests of the client on an S3 server (Ceph)',
  },
  {
    binary: 'swift-proxy-server',
    packages: ['swift-proxy', 'swift-account', 'swift-container', 'swift-object', 'memcached'],
    why: 'tests of the client on another S3 server (Swift)',
  },
]

/** Sets the variables, installing what is missing where that is possible. Returns the packages still missing. */
export async function provideServices(say: (line: string) => void): Promise<string[]> {
  let missing = services.filter((service) => !provided(service))
  const packages = (): string[] => missing.flatMap((service) => service.packages)
  // A build machine is thrown away: nothing that dpkg unpacks there has to survive a power cut.
  const hasty = process.env.CI ? ' -o Dpkg::Options::=--force-unsafe-io' : ''
  const command = `apt-get install -y --no-install-recommends${hasty} ${packages().join(' ')}`
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    for (const service of missing)
      say(`Installing the system packages ${service.packages.join(', ')}, for ${service.why} …`)
    const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    for (const { before } of missing) {
      if (before === undefined) continue
      mkdirSync(dirname(before[0]), { recursive: true })
      writeFileSync(...before)
    }
    await runs('apt-get update -qq', options)
    await runs(command, options)
    missing = missing.filter((service) => !provided(service))
  }
  for (const service of missing) say(`${service.packages.join(', ')} missing: ${service.why} cannot run.`)
  if (missing.length > 0) say(`On Debian or Ubuntu this installs what is missing: sudo ${command}`)
  return packages()
}

/** Whether the command ended well. One that cannot be started did not. */
export async function runs(command: string, options: SpawnOptions): Promise<boolean> {
  const [program = '', ...args] = command.split(' ')
  const [code] = await once(spawn(program, args, options), 'exit').catch(() => [])
  return code === 0
}

function provided({ variable, binary }: Service): boolean {
  const path = (variable === undefined ? undefined : process.env[variable]) || find(binary)
  if (variable !== undefined) process.env[variable] = path
  return path !== ''
}

function find(binary: string): string {
  if (process.platform === 'win32') return ''
  if (binary.startsWith('/')) return existsSync(binary) ? binary : ''
  try {
    // Servers lie where only root's PATH looks.
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
    return execFileSync('/bin/sh', ['-c', `command -v ${binary}`], { encoding: 'utf8', env }).trim()
  } catch {
    return ''
  }
}
