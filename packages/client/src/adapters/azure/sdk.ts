/** The vendor's SDK, loaded when it is first needed. */
import { FilesError } from '../../errors.ts'

export type Sdk = typeof import('@azure/storage-blob')

export async function loadSdk(): Promise<Sdk> {
  try {
    return await import('@azure/storage-blob')
  } catch (cause) {
    throw new FilesError(
      'NotSupported',
      'pawl/azure needs the vendor SDK: npm install @azure/storage-blob',
      cause,
    )
  }
}
