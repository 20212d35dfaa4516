import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'

/** Tests that assert memory or CPU of a process, or how long an answer takes: they want the machine to themselves. */
const MEASURED = ['packages/server/test/{field-notes,two-writers,waiters}.test.ts']
/** Tests that wait for time-outs nearly all the time, and assert when those come: all at once keep no core busy. */
const WAITING = ['packages/server/test/{abuse,expiry,idle,sigterm,webhook-kill}.test.ts']
/** Tests with servers, browsers and kills; and those that put other modules in the place of Node's. */
const PROCESSES = [
  'packages/server/src/uploads/engine.model.test.ts',
  'packages/{server,web,cli}/test/**/*.test.ts',
  'packages/client/test/{docs,kill,react,browser}/*.test.ts',
  'packages/client/src/adapters/{s3,bun-s3,azure,ftp,sftp,webdav}/*.test.ts',
  'packages/emulators/src/*.test.ts',
  'test/docs-site.test.ts',
]
/**
 * What takes a minute or more, longest first: whatever begins last keeps all others waiting for its end. Without these
 * lines large files would begin first, and the long ones are not large.
 */
const LONG = [
  'server/test/s3-servers',
  'cli/test/examples',
  'server/test/kill-at-full-speed',
  'web/test/resume',
  'client/src/adapters/s3/s3.test',
  'client/test/react/',
  'server/test/deployed-proxies',
  'client/test/kill/kill.test',
  'web/test/server',
  'server/test/examples',
  'web/test/upload',
  'test/docs-site',
  'web/test/looks',
  'client/src/adapters/ftp/',
  'client/test/browser/',
  'client/src/adapters/bun-s3/',
  'web/test/page',
  'web/test/many',
  'cli/test/cluster/cluster.test',
  'cli/test/resume',
  'server/test/resumable-http',
  'server/src/catalog/sqlite/sqlite-catalog',
  'server/src/http/fetch',
  'server/test/abuse',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: Parameters<BaseSequencer['sort']>[0]): Promise<typeof files> {
    const place = (id: string): number => {
      const at = LONG.findIndex((part) => id.includes(`/${part}`))
      return at < 0 ? LONG.length : at
    }
    return (await super.sort(files)).sort((a, b) => place(a.moduleId) - place(b.moduleId))
  }
}

// Tests start hundreds of processes: sources need not be stripped of their types and compiled for each of them.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/pawl-test')

const NEVER = ['**/node_modules/**']
/** A busy machine takes long to start a hundred processes; what is promised in time is asserted by itself. */
const PATIENT = { testTimeout: 120_000, hookTimeout: 60_000, expect: { poll: { timeout: 60_000 } } }

export default defineConfig({
  test: {
    pool: 'forks',
    // On processors with protection keys Node 24 ends now and then where many threads begin and end ("Check failed:
    // jit_page.has_value()"): as tests of catalogs do it, and no server does. https://github.com/nodejs/node/issues/64500
    execArgv: ['--no-memory-protection-keys'],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // One slow moment of a build machine keeps nothing from landing; `npm test` ends by naming who needed it.
    retry: process.env.CI ? 1 : 0,
    projects: [
      {
        extends: true,
        test: {
          name: 'modules',
          // Vitest loads our modules anew for each file even so; a process of its own for each takes a third longer.
          isolate: false,
          include: ['packages/*/{src,test}/**/*.test.{ts,tsx}', 'test/**/*.test.ts'],
          exclude: [...PROCESSES, ...NEVER],
        },
      },
      {
        extends: true,
        test: {
          name: 'processes',
          include: PROCESSES,
          exclude: [...MEASURED, ...WAITING, ...NEVER],
          // They wait for each other's processes and for slow lines a good part of the time; four are no quicker than three.
          maxWorkers: 3,
          ...PATIENT,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'waiting',
          include: WAITING,
          exclude: NEVER,
          maxWorkers: 5,
          ...PATIENT,
          sequence: { groupOrder: 2 },
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
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
