import { FilesError } from '../errors.ts'

/** What was looked for; undefined where it is not there. */
export async function found<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look
  } catch (error) {
    if (error instanceof FilesError && error.code === 'NotFound') return undefined
    throw error
  }
}
