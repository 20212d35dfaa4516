/** Three nodes behind a proxy, one Postgres, Ceph with two gateways: private ports and folders, gone with it. */
import { type Ceph, startCeph } from '@pawl/emulators/ceph'
import {
  type PostgresServer,
  startPostgres,
} from '../../../server/src/catalog/postgres/testing/postgres-server.ts'
import { type HttpProxy, PROXIES, startOpenProxy } from '../../../server/test/http-proxies.ts'
import { makeBucket, startNode } from '../../../server/test/nodes.ts'
import type { Pawl } from '../../../server/test/process.ts'

export interface Cluster {
  /** Of the proxy, without a slash at the end. */
  readonly url: string
  readonly proxy: HttpProxy
  readonly nodes: readonly Pawl[]
  readonly postgres: PostgresServer
  readonly s3: Ceph
  readonly bucket: string
  close(): Promise<void>
}

const BUCKET = 'cluster'

/** @param proxy - `nginx` or `HAProxy`: takes turns between the nodes and passes bodies on as they come */
export async function startCluster({
  proxy = 'nginx',
  nodes: count = 3,
  env = {},
  diskGiB,
  say = () => {},
}: {
  readonly proxy?: string
  readonly nodes?: number
  readonly env?: Readonly<Record<string, string>>
  /** Bytes in S3 are on the disk, up to so many. */
  readonly diskGiB?: number
  readonly say?: (line: string) => void
} = {}): Promise<Cluster> {
  const kind = PROXIES.find(({ name }) => name === proxy)
  if (kind === undefined || kind.program === '') throw new Error(`${proxy} is not installed`)
  const closing: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    say('Postgres …')
    const postgres = await startPostgres()
    closing.push(() => postgres.close())
    say('Ceph with two gateways …')
    const s3 = await startCeph(2, diskGiB)
    closing.push(() => s3.close())
    await makeBucket(s3, BUCKET)
    say(`${count} nodes …`)
    const nodes: Pawl[] = []
    for (let i = 0; i < count; i += 1) {
      const endpoint = s3.endpoints[i % s3.endpoints.length] ?? s3.endpoint
      const node = await startNode({ database: postgres.url, s3: { ...s3, endpoint }, bucket: BUCKET, env })
      closing.push(() => node.stop())
      nodes.push(node)
    }
    say(`${proxy} …`)
    const front = await startOpenProxy(kind, ...nodes.map(({ port }) => port))
    closing.push(() => front.stop())
    return { url: front.url, proxy: front, nodes, postgres, s3, bucket: BUCKET, close }
  } catch (error) {
    await close()
    throw error
  }
}
