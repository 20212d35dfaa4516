/** nginx and HAProxy as processes of the test, in front of servers, with the files that `deploy/` has. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './process.ts'
import { until } from './until.ts'

/** Requests that carry this in their query are refused by the proxy itself: behind it they were never seen. */
export const FORBIDDEN = 'forbidden'

export interface HttpProxy {
  readonly url: string
  readonly port: number
  /** What belongs to it: bodies that it would gather lie in here. */
  readonly folder: string
  stop(): Promise<void>
}

export interface ProxyKind {
  readonly name: string
  /** The program; empty when it is not installed. */
  readonly program: string
  readonly args: (folder: string) => string[]
  /** Of `deploy/`, with the ports and addresses of the test. */
  readonly config: (folder: string, port: number, upstreams: readonly number[]) => string
  /** The same for servers in development mode. */
  readonly open: (config: string) => string
}

const deployed = (path: string): string =>
  readFileSync(join(import.meta.dirname, '../../../deploy', path), 'utf8')

/** Puts something in the place of what must be there. */
function exchange(text: string, found: RegExp, put: string): string {
  if (text.search(found) < 0) throw new Error(`${found} is not in what deploy/ has`)
  return text.replace(found, put)
}

/** Consecutive lines that `made` makes for each upstream, in the place of the nodes' lines. */
function aimed(
  text: string,
  nodes: RegExp,
  upstreams: readonly number[],
  made: (port: number, i: number) => string,
): string {
  return exchange(text, nodes, upstreams.map((port, i) => `${made(port, i)}\n`).join(''))
}

export const PROXIES: readonly ProxyKind[] = [
  {
    name: 'nginx',
    program: process.env.PAWL_TEST_NGINX ?? '',
    args: (folder) => ['-p', folder, '-c', join(folder, 'proxy.conf'), '-e', join(folder, 'error.log')],
    // Around it stands what a distribution's nginx.conf has: where the process keeps its own things.
    config: (folder, port, upstreams) => `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/pid;
events { worker_connections 1024; }
http {
access_log off;
client_body_temp_path ${folder}/body;
proxy_temp_path ${folder}/proxy;
fastcgi_temp_path ${folder}/fastcgi;
uwsgi_temp_path ${folder}/uwsgi;
scgi_temp_path ${folder}/scgi;
${exchange(
  aimed(
    deployed('nginx/pawl.conf'),
    /(^ *server pawl-\d:8080 .*\n)+/m,
    upstreams,
    (upstream) => `  server 127.0.0.1:${upstream} fail_timeout=1s;`,
  ),
  /listen 80;/,
  `listen 127.0.0.1:${port};`,
)}
}
`,
    open: (config) =>
      exchange(
        exchange(config, /(^ *proxy_set_header X-Forwarded.*\n)+/m, ''),
        /(listen .*;)/,
        `$1 if ($args ~ ${FORBIDDEN}) { return 403; }`,
      ),
  },
  {
    name: 'HAProxy',
    program: process.env.PAWL_TEST_HAPROXY ?? '',
    args: (folder) => ['-db', '-f', join(folder, 'proxy.conf')],
    config: (_folder, port, upstreams) =>
      exchange(
        aimed(
          deployed('haproxy/haproxy.cfg'),
          /(^ *server pawl-\d .*\n)+/m,
          upstreams,
          (upstream, i) => `  server pawl-${i} 127.0.0.1:${upstream}`,
        ),
        /bind :80/,
        `bind 127.0.0.1:${port}`,
      ),
    open: (config) =>
      exchange(
        exchange(config, / *option forwardfor\n.*X-Forwarded-Proto.*\n/, ''),
        /(bind .*)/,
        `$1\n  http-request deny if { query -m sub ${FORBIDDEN} }`,
      ),
  },
]

/** With the very file that `deploy/` has. */
export function startProxy(kind: ProxyKind, ...upstreams: readonly number[]): Promise<HttpProxy> {
  return start(kind, upstreams, (config) => config)
}

/**
 * For servers in development mode, which take no forwarded requests: the proxy does not say that it is one. It refuses
 * what is {@link FORBIDDEN}.
 */
export function startOpenProxy(kind: ProxyKind, ...upstreams: readonly number[]): Promise<HttpProxy> {
  return start(kind, upstreams, kind.open)
}

async function start(
  kind: ProxyKind,
  upstreams: readonly number[],
  change: (config: string) => string,
): Promise<HttpProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-proxy-'))
  const port = await freePort()
  await writeFile(join(folder, 'proxy.conf'), change(kind.config(folder, port, upstreams)))
  let output = ''
  const child = spawn(kind.program, kind.args(folder), { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const stop = async (): Promise<void> => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until(`${kind.name} listens`, async () => {
      if (child.exitCode !== null) throw new Error(`${kind.name} ended:\n${output}`)
      return answers(port)
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { url: `http://127.0.0.1:${port}`, port, folder, stop }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
