/** OpenStack Swift with its S3 middleware, on the loopback. Takes about 4 s. */

import type { ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, freePort, installed, run, start, until } from './processes.ts'
import type { S3Server } from './s3-server.ts'

export function hasSwift(): Promise<boolean> {
  return installed(
    'swift-proxy-server',
    'swift-account-server',
    'swift-container-server',
    'swift-object-server',
    'memcached',
  )
}

export async function startSwift(): Promise<S3Server> {
  const home = await mkdtemp(join(tmpdir(), 'pawl-swift-'))
  const etc = join(home, 'etc')
  for (const folder of ['etc', 'dev/d1', 'log']) await mkdir(join(home, folder), { recursive: true })
  const [port, cache] = [await freePort(), await freePort()]
  const children: ChildProcess[] = []
  const serve = (program: string, ...args: string[]) => {
    children.push(start(program, args, join(home, 'log', `${program}.log`)))
  }
  const close = async () => {
    await end(children)
    await rm(home, { recursive: true, force: true })
  }
  try {
    await writeFile(join(etc, 'swift.conf'), '[swift-hash]\nswift_hash_path_suffix = pawl\n')
    serve('memcached', '-u', 'root', '-l', '127.0.0.1', '-p', String(cache), '-m', '32')
    for (const kind of ['account', 'container', 'object']) {
      const own = await freePort()
      const ring = (...args: string[]) =>
        run('swift-ring-builder', [`${kind}.builder`, ...args], { cwd: etc })
      await ring('create', '6', '1', '0')
      await ring(
        'add',
        '--region',
        '1',
        '--zone',
        '1',
        '--ip',
        '127.0.0.1',
        '--port',
        String(own),
        '--device',
        'd1',
        '--weight',
        '1',
      )
      // It ends with a warning that there are fewer devices than one would like.
      await ring('rebalance').catch(() => {})
      await writeFile(join(etc, `${kind}.conf`), storage(kind, etc, home, own))
      serve(`swift-${kind}-server`, join(etc, `${kind}.conf`))
    }
    await writeFile(join(etc, 'proxy.conf'), proxy(etc, port, cache))
    serve('swift-proxy-server', join(etc, 'proxy.conf'))
    const endpoint = `http://127.0.0.1:${port}`
    await until('Swift', async () => (await fetch(`${endpoint}/healthcheck`)).ok)
    return { endpoint, credentials: { accessKeyId: 'test:tester', secretAccessKey: 'SKTEST' }, close }
  } catch (error) {
    await close()
    throw error
  }
}

function storage(kind: string, etc: string, home: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 1
user = root
swift_dir = ${etc}
devices = ${home}/dev
mount_check = false
log_level = WARNING
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
replication_server = true
`
}

function proxy(etc: string, port: number, cache: number): string {
  const filters: Record<string, string> = {
    catch_errors: '',
    gatekeeper: '',
    healthcheck: '',
    cache: `memcache_servers = 127.0.0.1:${cache}`,
    bulk: '',
    s3api:
      'location = us-east-1\ndns_compliant_bucket_names = true\nallow_multipart_uploads = true\nmin_segment_size = 5242880\nmax_upload_part_num = 10000',
    tempauth: 'user_test_tester = SKTEST .admin\nstorage_url_scheme = http',
    slo: 'min_segment_size = 1',
    dlo: '',
    versioned_writes: 'allow_object_versioning = true',
    symlink: '',
  }
  const sections = Object.entries(filters).map(
    ([name, lines]) =>
      `[filter:${name}]\nuse = egg:swift#${name === 'cache' ? 'memcache' : name}\n${lines}\n`,
  )
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 1
user = root
swift_dir = ${etc}
log_level = WARNING
[pipeline:main]
pipeline = ${Object.keys(filters).join(' ')} proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
${sections.join('')}`
}
