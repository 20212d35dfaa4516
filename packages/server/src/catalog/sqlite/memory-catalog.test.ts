import { describe } from 'vitest'
import { catalogContract } from '../catalog.contract.ts'
import { mediaContract } from '../media.contract.ts'
import { packsContract } from '../packs.contract.ts'
import { storageContract } from '../storage.contract.ts'
import { openMemoryCatalog } from './memory-catalog.ts'

describe('the catalog in memory', () => {
  catalogContract(async () => openMemoryCatalog())
  storageContract(async () => openMemoryCatalog())
  packsContract(async () => openMemoryCatalog())
  mediaContract(async () => openMemoryCatalog({ keepEvents: true }))
})
