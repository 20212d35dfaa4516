import { defineConfig } from 'vitest/config'

/**
 * Tests that assert times, memory or CPU of a process, or kill one in the middle of a transfer: they want the
 * machine to themselves.
 */
const MEASURED = [
  'packages/server/test/{abuse,expiry,field-notes,idle,media,sigterm,startup,two-writers,waiters}.test.ts',
  'packages/client/src/adapters/s3/s3.test.ts',
]
/** Tests with servers, browsers and kills. */
const PROCESSES = [
  'packages/{server,web,cli}/test/**/*.test.ts',
  'packages/client/test/{docs,kill,react,browser}/*.test.ts',
  'packages/client/src/adapters/{s3,azure,ftp,sftp,webdav}/*.test.ts',
  'packages/emulators/src/*.test.ts',
]
const NEVER = ['**/node_modules/**']
/** A busy machine takes long to start a hundred processes; what is promised in time is asserted by itself. */
const PATIENT = { testTimeout: 120_000, hookTimeout: 60_000, expect: { poll: { timeout: 60_000 } } }

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // One slow moment of a build machine keeps nothing from landing; `npm test` ends by naming who needed it.
    retry: process.env.CI ? 1 : 0,
    projects: [
      {
        extends: true,
        test: {
          name: 'modules',
          include: ['packages/*/{src,test}/**/*.test.{ts,tsx}', 'test/**/*.test.ts'],
          exclude: [...PROCESSES, ...NEVER],
        },
      },
      {
        extends: true,
        test: {
          name: 'processes',
          include: PROCESSES,
          exclude: [...MEASURED, ...NEVER],
          ...PATIENT,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'measured',
          include: MEASURED,
          exclude: NEVER,
          fileParallelism: false,
          ...PATIENT,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
