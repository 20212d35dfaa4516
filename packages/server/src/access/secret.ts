/** The signing secret: given, or made once and kept in the data folder for this user's eyes only. */
import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

export const SECRET_BYTES = 32
const NAME = 'jwt-secret'

/** The secret of a data folder, or undefined if none was made there. */
export async function existingSecret(dataFolder: string): Promise<Uint8Array | undefined> {
  const path = join(dataFolder, NAME)
  try {
    return check(path, Buffer.from((await readFile(path, 'utf8')).trim(), 'base64'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

export async function secretIn(dataFolder: string): Promise<Uint8Array> {
  const path = join(dataFolder, NAME)
  const existing = await existingSecret(dataFolder)
  if (existing !== undefined) return existing
  const secret = randomBytes(SECRET_BYTES)
  // What an interrupted start left behind may have another mode, which opening would keep.
  await rm(`${path}.new`, { force: true })
  const handle = await open(`${path}.new`, 'wx', 0o600)
  try {
    await handle.writeFile(`${secret.toString('base64')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.new`, path)
  return secret
}

function check(path: string, secret: Uint8Array): Uint8Array {
  if (secret.byteLength >= SECRET_BYTES) return secret
  throw new Error(
    `${path} does not hold a secret of at least ${SECRET_BYTES} bytes in base64: remove it to make a new one`,
  )
}
