/**
 * Leads clients whose hosts cannot be changed to an emulator: an HTTP proxy that answers every CONNECT itself,
 * with TLS by a certificate made for the test. Nothing leaves the machine, whatever host is asked for.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'

export interface Tunnel {
  /** For `HTTPS_PROXY`. */
  readonly proxy: string
  /** The certificate, to be trusted by the client. */
  readonly certificate: string
  close(): Promise<void>
}

export async function openTunnel(endpoint: string, hosts: readonly string[]): Promise<Tunnel> {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-tunnel-'))
  const [keyPath, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const names = hosts.map((host) => `DNS:${host}`).join(',')
  const how = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=pawl tests']
  execFileSync(
    'openssl',
    [...how, '-addext', `subjectAltName=${names}`, '-keyout', keyPath, '-out', certificate],
    {
      stdio: 'ignore',
    },
  )
  const [key, cert] = [readFileSync(keyPath), readFileSync(certificate)]
  const { port } = new URL(endpoint)
  const sockets = new Set<Socket>()
  const server = createServer((_request, response) => response.writeHead(405).end())
  server.on('connect', (_request, socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const inner = new TLSSocket(socket, { isServer: true, key, cert })
    const onward = connect(Number(port), '127.0.0.1')
    inner.on('error', () => onward.destroy())
    onward.on('error', () => inner.destroy())
    inner.pipe(onward).pipe(inner)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    proxy: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificate,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
