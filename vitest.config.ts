import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Tests whose server keeps its state in what `openTestDatabase` or `databaseForServer` says. */
const onEitherDatabase = [
  'apps/access',
  'events/routes',
  'http/http',
  'ingest/*',
  'library/{media,nginx,packaged-hls,serving}',
  'library/uploads/whole-way',
  'rooms/{hidden-viewers,meeting,roles,rooms,signaling,subscribing,user-tokens,with-media}',
  'vendors/callbacks',
].map((name) => `packages/server/tests/${name}.test.ts`);

/** Whole-system tests that measure nothing to the millisecond. */
const untimed = [
  'console',
  'console-library',
  'demo',
  'events',
  'faults/{bad-input,storage}',
  'ilive-errors',
  'jobs',
  'postgres',
].map((name) => `e2e/${name}.test.ts`);

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes when it comes: a busy machine must not fail a test.
    expect: { poll: { timeout: 15_000 } },
    // Media flows in real time: where the machine is shared, a test that was starved is run once more, and told as such.
    retry: process.env.CI === 'true' ? 1 : 0,
    // One PostgreSQL server for all.
    globalSetup: ['packages/server/tests/postgres.ts'],
    provide: { database: 'sqlite' },
    // Processes that tests start need not be compiled each time.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/aircheck') },
    projects: [
      {
        extends: true,
        test: {
          name: 'packages',
          include: ['packages/*/tests/**/*.test.ts'],
          // Two cores are what a continuous-integration machine has.
          maxWorkers: 2,
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: onEitherDatabase,
          provide: { database: 'postgres' },
          maxWorkers: 2,
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e-untimed',
          include: untimed,
          globalSetup: ['e2e/build-sdk.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          exclude: untimed,
          globalSetup: ['e2e/build-sdk.ts'],
          // Each of them encodes, carries and decodes video in real time and measures to the millisecond: beside one
          // another they would measure each other.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
