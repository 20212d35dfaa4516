import { join } from 'node:path'

export default {
  // The endpoint ends with a slash, and so do the requests to it.
  skipTrailingSlashRedirect: true,
  // This example stands in Pawl's own repository, whose packages are sources.
  transpilePackages: ['pawl', '@pawl/protocol'],
  turbopack: { root: join(import.meta.dirname, '../..') },
}
