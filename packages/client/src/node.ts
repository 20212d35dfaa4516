/** What only Node, Bun and Deno have: files by path, streams through a temp file, tokens in a folder. */

export { fileStore } from './stores/file-store.ts'
export { fromPath } from './transfer/from-path.ts'
export { type SpooledBody, type SpoolOptions, spool } from './transfer/spool.ts'
