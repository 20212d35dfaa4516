/** Why a server does not start, in words that say what to do about it. */
import { mkdir } from 'node:fs/promises'

/** @throws Error */
export async function makeDataFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    const message = `the data folder ${folder} cannot be made (${error.message}): set PAWL_DATA to a folder that can be written`
    throw new Error(message, { cause: error })
  })
}

/** @param setting That says the port. */
export function notBound(error: NodeJS.ErrnoException, port: number, host: string, setting: string): Error {
  const { code } = error
  const words = wordsFor(code, port, host, setting)
  return words === undefined ? error : Object.assign(new Error(words, { cause: error }), { code })
}

function wordsFor(code: string | undefined, port: number, host: string, setting: string): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is in use (${code}): end what uses it, or set ${setting} to another one`
    case 'EACCES':
      return `this user may not open port ${port} of ${host} (${code}): set ${setting} to another one, above 1023`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no address ${host} (${code}): set PAWL_HOST to one of its own`
  }
  return undefined
}
