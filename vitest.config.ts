import { defineConfig } from 'vitest/config'

/** Tests with servers, browsers and kills. */
const PROCESSES = [
  'packages/{server,web,cli}/test/**/*.test.ts',
  'packages/client/test/{kill,react,browser}/*.test.ts',
  'packages/client/src/adapters/{s3,azure}/*.test.ts',
]

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'modules',
          include: ['packages/*/{src,test}/**/*.test.{ts,tsx}', 'test/**/*.test.ts'],
          exclude: [...PROCESSES, '**/node_modules/**'],
        },
      },
      {
        // These start servers and browsers, kill them and measure time: one file at a time, after everything else.
        extends: true,
        test: {
          name: 'processes',
          include: PROCESSES,
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
          // A busy machine takes long to start a hundred processes; what is promised in time is asserted by itself.
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
