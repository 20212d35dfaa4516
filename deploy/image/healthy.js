// Ends with 0 while the server of this container answers.
const { PAWL_PORT = '' } = process.env
// Platforms inject PAWL_PORT=tcp://… for a service of this name; the server ignores it, too.
const port = /^\d+$/.test(PAWL_PORT) ? PAWL_PORT : '8080'
const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined)
process.exitCode = answer?.ok === true ? 0 : 1
