/** The server's secret, as a server on the same data folder and settings would find it. */
import type { Tokens } from '@pawl/server'

/** @throws ConfigError, and Error if no server has made a secret there */
export async function tokensOfData(data: string | undefined): Promise<Tokens> {
  const { readConfig, readConfigFile, tokensOf } = await import('@pawl/server')
  const { PAWL_TOKEN: _, ...env } = process.env
  const file = await readConfigFile(process.cwd())
  const argv = data === undefined ? [] : ['--data', data]
  const warn = (message: string) => void process.stderr.write(`pawl: ${message}\n`)
  return tokensOf(readConfig({ argv, env, file, warn }))
}
