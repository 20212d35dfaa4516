/** nginx and HAProxy as processes of the test, in front of a server: as they are meant to stand before Pawl. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
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
  stop(): Promise<void>
}

interface ProxyKind {
  readonly name: string
  /** The program; empty when it is not installed. */
  readonly program: string
  readonly args: (folder: string) => string[]
  readonly config: (folder: string, port: number, upstreams: readonly number[]) => string
}

export const PROXIES: readonly ProxyKind[] = [
  {
    name: 'nginx',
    program: process.env.PAWL_TEST_NGINX ?? '',
    args: (folder) => ['-p', folder, '-c', join(folder, 'proxy.conf'), '-e', join(folder, 'error.log')],
    config: (folder, port, upstreams) => `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream pawl { ${upstreams.map((upstream) => `server 127.0.0.1:${upstream} fail_timeout=1s;`).join(' ')} keepalive 4; }
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 0;
    location / {
      if ($args ~ ${FORBIDDEN}) { return 403; }
      proxy_pass http://pawl;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      # A client that is refused a HEAD takes its upload for lost: it is told to wait.
      error_page 502 503 504 = @away;
    }
    location @away {
      if ($request_method = HEAD) { return 423; }
      add_header Retry-After 1 always;
      return 503;
    }
  }
}
`,
  },
  {
    name: 'HAProxy',
    program: process.env.PAWL_TEST_HAPROXY ?? '',
    args: (folder) => ['-db', '-f', join(folder, 'proxy.conf')],
    config: (_folder, port, upstreams) => `
global
  maxconn 256
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  http-reuse always
frontend front
  bind 127.0.0.1:${port}
  http-request deny if { query -m sub ${FORBIDDEN} }
  # A client that is refused a HEAD takes its upload for lost: it is told to wait.
  http-request set-var(txn.method) method
  http-after-response set-status 423 if { var(txn.method) -m str HEAD } { status 502:504 }
  default_backend pawl
backend pawl
  balance roundrobin
${upstreams.map((upstream, i) => `  server pawl${i} 127.0.0.1:${upstream}${upstreams.length > 1 ? ' check inter 250ms' : ''}`).join('\n')}
`,
  },
]

export async function startProxy(kind: ProxyKind, ...upstreams: readonly number[]): Promise<HttpProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-proxy-'))
  await mkdir(folder, { recursive: true })
  const port = await freePort()
  await writeFile(join(folder, 'proxy.conf'), kind.config(folder, port, upstreams))
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
  return { url: `http://127.0.0.1:${port}`, port, stop }
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
