/** A Ceph cluster of one monitor, one OSD in memory (or on the disk) and S3 gateways, all on the loopback. Takes a few seconds. */

import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, freePort, installed, run, start, until } from './processes.ts'
import type { S3Server } from './s3-server.ts'

export function hasCeph(): Promise<boolean> {
  return installed('ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph', 'monmaptool')
}

const COMMAND_TRIES = 5

export interface Ceph extends S3Server {
  /** Of every gateway: each shows the same. */
  readonly endpoints: readonly string[]
  /** Ends the gateways; what they stored stays. */
  stopGateways(): Promise<void>
  startGateways(): Promise<void>
}

/**
 * @param count - of gateways
 * @param diskGiB - what it may hold, in a file that grows; in memory it holds 4
 */
export async function startCeph(count = 1, diskGiB?: number): Promise<Ceph> {
  const home = await mkdtemp(join(tmpdir(), 'pawl-ceph-'))
  const at = (name: string) => join(home, name)
  for (const folder of ['mon', 'osd', 'rgw', 'run', 'log']) await mkdir(at(folder))
  const [fsid, monitor] = [randomUUID(), await freePort()]
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  await writeFile(at('ceph.conf'), configuration(home, fsid, ports, monitor, diskGiB))
  const env = { CEPH_CONF: at('ceph.conf') }
  const root = ['--setuser', 'root', '--setgroup', 'root']
  const call = (program: string, ...args: string[]) => run(program, args, { env: { ...process.env, ...env } })
  const children: ChildProcess[] = []
  /** A command to the monitor, repeated where it left before the monitor had told the cluster's id: "wrong fsid". */
  const command = async (...args: string[]): Promise<string> => {
    for (let left = COMMAND_TRIES; ; left -= 1) {
      try {
        return String((await call('timeout', '30', 'ceph', ...args)).stdout)
      } catch (error) {
        if (left === 1) throw error
      }
    }
  }
  const serve = (program: string, ...args: string[]) => {
    children.push(start(program, args, at(`log/${program}.out`), env))
  }
  let gateways: ChildProcess[] = []
  const endpoints = ports.map((port) => `http://127.0.0.1:${port}`)
  const startGateways = async () => {
    gateways = ports.map((_, i) =>
      start('radosgw', ['-n', `client.rgw${i}`, '-f'], at(`log/rgw${i}.out`), env),
    )
    for (const endpoint of endpoints)
      await until('the gateway', async () => (await fetch(endpoint)).status > 0)
  }
  const stopGateways = () => end(gateways)
  const close = async () => {
    await end([...gateways, ...[...children].reverse()])
    await rm(home, { recursive: true, force: true })
  }
  try {
    await call(
      'monmaptool',
      '--create',
      '--fsid',
      fsid,
      '--addv',
      'a',
      `[v1:127.0.0.1:${monitor}]`,
      at('monmap'),
    )
    await call('ceph-mon', '--mkfs', '-i', 'a', '--monmap', at('monmap'), ...root)
    serve('ceph-mon', '-i', 'a', ...root, '-f')
    const uuid = randomUUID()
    const id = (await command('osd', 'new', uuid)).trim()
    await call('ceph-osd', '-i', id, '--mkfs', '--osd-uuid', uuid, ...root)
    serve('ceph-osd', '-i', id, '-f', ...root)
    await command('osd', 'crush', 'add', `osd.${id}`, '1.0', 'root=default')
    await until('the OSD', async () => (await command('osd', 'stat')).includes('1 up'))
    const user = [
      'user',
      'create',
      '--uid=t',
      '--display-name=t',
      '--access-key=AKTEST',
      '--secret-key=SKTEST',
    ]
    await call('radosgw-admin', '-n', 'client.rgw0', ...user)
    await startGateways()
    const credentials = { accessKeyId: 'AKTEST', secretAccessKey: 'SKTEST' }
    return { endpoint: endpoints[0] ?? '', endpoints, credentials, startGateways, stopGateways, close }
  } catch (error) {
    await close()
    throw error
  }
}

function configuration(
  home: string,
  fsid: string,
  ports: readonly number[],
  monitor: number,
  diskGiB: number | undefined,
): string {
  const store =
    diskGiB === undefined
      ? 'osd_objectstore = memstore\nmemstore_device_bytes = 4294967296'
      : `osd_objectstore = bluestore\nbluestore_block_size = ${diskGiB * 2 ** 30}\nosd_memory_target = 1073741824`
  return `[global]
fsid = ${fsid}
mon_host = [v1:127.0.0.1:${monitor}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr2 = false
ms_bind_ipv4 = true
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
paxos_propose_interval = 0.05
# Asked for too early they are refused ("wrong fsid"), and the OSD ends.
osd_crush_update_on_start = false
osd_class_update_on_start = false
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_max_pg_per_osd = 1000
${store}
run_dir = ${home}/run
admin_socket = ${home}/run/$cluster-$name.asok
pid_file = ${home}/run/$name.pid
log_file = ${home}/log/$name.log
mon_cluster_log_file = ${home}/log/cluster.log
mon_data = ${home}/mon
osd_data = ${home}/osd
ms_type = async+posix
[mon.a]
mon_initial_members = a
${ports.map((port, i) => gateway(home, port, i)).join('')}`
}

function gateway(home: string, port: number, i: number): string {
  return `[client.rgw${i}]
rgw_data = ${home}/rgw
rgw_frontends = beast endpoint=127.0.0.1:${port}
rgw_dns_name = localhost
rgw_enable_usage_log = false
rgw_thread_pool_size = 64
`
}
