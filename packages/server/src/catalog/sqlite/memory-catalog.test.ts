import { describe } from 'vitest'
import { catalogContract } from '../catalog.contract.ts'
import { mediaContract } from '../media.contract.ts'
import { packsContract } from '../packs.contract.ts'
import { segmentPartsContract } from '../segment-parts.contract.ts'
import { storageContract } from '../storage.contract.ts'
import { openMemoryCatalog } from './memory-catalog.ts'

describe('the catalog in memory', () => {
  catalogContract(async () => openMemoryCatalog())
  storageContract(async () => openMemoryCatalog())
  packsContract(async () => openMemoryCatalog())
  segmentPartsContract(async () => openMemoryCatalog())
  mediaContract(async () => openMemoryCatalog({ keepEvents: true }))
})
