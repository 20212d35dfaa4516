/** What only browsers have: tokens in `localStorage` or IndexedDB, streams through a blob. */

export { indexedDbStore } from './stores/indexed-db-store.ts'
export { localStorageStore } from './stores/local-storage-store.ts'
export { blobOf } from './transfer/blob-of.ts'
