// `npm run cluster -- [--nodes 3] [--proxy nginx|HAProxy]`: nodes behind a proxy, one Postgres, Ceph with two
// gateways, on private ports and in private folders, until Ctrl-C. For looking at it, and for breaking it by hand.
import { parseArgs } from 'node:util'
import { provideServices } from './services.ts'

const say = (line: string): void => console.error(line)

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3' },
    proxy: { type: 'string', default: 'nginx' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('npm run cluster -- [--nodes N] [--proxy nginx|HAProxy]')
} else {
  const nodes = Number(values.nodes)
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 20)
    throw new Error('--nodes must be a number from 1 to 20')
  await provideServices(say)
  // Loaded now: it looks where the services are that were just installed.
  const { startCluster } = await import('../packages/cli/test/cluster/cluster.ts')
  const cluster = await startCluster({ nodes, proxy: values.proxy, say })
  console.log(`
  Endpoint   ${cluster.url}/files/   (${values.proxy}, in turn to the nodes)
${cluster.nodes.map(({ url, pid }, i) => `  Node ${i + 1}     ${url}   pid ${pid}`).join('\n')}
  Postgres   ${cluster.postgres.url}
  S3         ${cluster.s3.endpoints.join(' ')}   key AKTEST, secret SKTEST

Ctrl-C ends all of it.
`)
  await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
  await cluster.close()
}
