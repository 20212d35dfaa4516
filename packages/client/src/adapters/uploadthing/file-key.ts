/** Keys that UploadThing's files are stored under: https://docs.uploadthing.com/uploading-files */
import { FilesError } from '../../errors.ts'

/** They begin with the app's id, encoded so that it does not show. The rest is anybody's, and random here. */
export async function newFileKey(appId: string): Promise<string> {
  const { default: Sqids, defaultOptions } = await library()
  const alphabet = shuffled(defaultOptions.alphabet, hash(appId))
  const app = new Sqids({ alphabet, minLength: 12 }).encode([Math.abs(hash(appId))])
  return app + crypto.randomUUID().replaceAll('-', '')
}

function shuffled(text: string, seed: number): string {
  const chars = [...text]
  for (let i = 0; i < chars.length; i++) {
    const other = ((seed % (i + 1)) + i) % chars.length
    const [one = '', two = ''] = [chars[i], chars[other]]
    chars[i] = two
    chars[other] = one
  }
  return chars.join('')
}

/** As the library hashes that UploadThing is built with: djb2 from the end, of 31 bits and a sign. */
function hash(text: string): number {
  let h = 5381
  for (let i = text.length; i > 0; i--) h = (h * 33) ^ text.charCodeAt(i - 1)
  return (h & 0xbfffffff) | ((h >>> 1) & 0x40000000)
}

async function library(): Promise<typeof import('sqids')> {
  try {
    return await import('sqids')
  } catch (cause) {
    throw new FilesError('NotSupported', 'pawl/uploadthing with a token needs: npm install sqids', cause)
  }
}
