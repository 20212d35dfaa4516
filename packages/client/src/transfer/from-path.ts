import { open } from 'node:fs/promises'
import { ofHandle } from './file-handle.ts'
import type { OpenableBody } from './source.ts'

/**
 * The file at a path as a body. It is opened when the upload begins and closed when it ends.
 * @example await files.upload('db.tar', fromPath('./db.tar'))
 */
export function fromPath(path: string | URL): OpenableBody {
  return {
    open: async () => {
      const handle = await open(path, 'r')
      try {
        return { ...(await ofHandle(handle)), close: () => handle.close() }
      } catch (error) {
        await handle.close()
        throw error
      }
    },
  }
}
