import { afterEach, beforeEach, describe } from 'vitest'
import { sampleUpload } from '../catalog/sample-records.ts'
import { leaseContract } from './lease.contract.ts'
import { Leases } from './lease.ts'
import { newUploadId } from './upload.ts'

describe('leases of one process', () => {
  let leases: Leases
  beforeEach(() => {
    leases = new Leases(60_000)
  })
  afterEach(() => leases.close())
  leaseContract(() => ({
    here: leases,
    there: leases,
    newUpload: async () => newUploadId(),
    find: async (id) => sampleUpload({ id }),
  }))
})
