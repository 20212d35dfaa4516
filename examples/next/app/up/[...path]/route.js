// Every request below /up is Pawl's: uploads go to /up/files/.
// The server stays outside of the bundle. Where Pawl is installed as a package, `serverExternalPackages: ['@pawl/server']`
// in next.config.js and an ordinary import do the same.
const { createServer, readConfig } = await import(/* turbopackIgnore: true */ '@pawl/server')

// Development mode: nobody needs a key. Leave `dev` out to serve others.
const file = { dev: true, data: process.env.PAWL_DATA ?? './data', log: 'warn' }

// One for the process, kept when Next.js loads this file again: a data folder has one server.
globalThis.pawl ??= createServer(readConfig({ file }), { mountPath: '/up' })

const LOOPBACK = ['127.0.0.1', '::1', '::ffff:127.0.0.1']

/** Next.js says who asks as a proxy would. When it is somebody on this machine, there is none. */
const handle = async (request) => {
  const { url, method, body, signal } = request
  const headers = new Headers(request.headers)
  const address = headers.get('x-forwarded-for')
  if (LOOPBACK.includes(address))
    for (const name of ['for', 'host', 'port', 'proto']) headers.delete(`x-forwarded-${name}`)
  // It gives a body to requests that have none, too.
  const sent = headers.has('content-length') || headers.has('transfer-encoding') ? body : null
  const { fetch } = await globalThis.pawl
  return fetch(new Request(url, { method, headers, body: sent, signal, duplex: 'half' }), { address })
}

export {
  handle as DELETE,
  handle as GET,
  handle as HEAD,
  handle as OPTIONS,
  handle as PATCH,
  handle as POST,
  handle as PUT,
}
