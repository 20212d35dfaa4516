/** The environment variables of Azure's own command line. */
import type { AzureOptions } from 'pawl/azure'
import { UsageError } from './exit.ts'

/** @throws UsageError that names the variables */
export function azureOptions(container: string, env: NodeJS.ProcessEnv): AzureOptions {
  const {
    AZURE_STORAGE_CONNECTION_STRING: connectionString,
    AZURE_STORAGE_ACCOUNT: account,
    AZURE_STORAGE_KEY: key,
    AZURE_STORAGE_SAS_TOKEN: sas,
  } = env
  if (connectionString) return { container, connectionString }
  if (account && key) {
    return {
      container,
      connectionString: `DefaultEndpointsProtocol=https;AccountName=${account};AccountKey=${key};EndpointSuffix=core.windows.net`,
    }
  }
  if (account && sas) {
    const url = `https://${account}.blob.core.windows.net/${encodeURIComponent(container)}`
    return { container, url: `${url}?${sas.replace(/^\?/, '')}` }
  }
  throw new UsageError(
    'no Azure credentials: set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN',
  )
}
