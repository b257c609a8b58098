import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/tests/**/*.test.ts', 'e2e/**/*.test.ts'],
    globalSetup: ['packages/server/tests/postgres.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes when it comes: a busy machine must not fail a test.
    expect: { poll: { timeout: 15_000 } },
    // Two cores are what a continuous-integration machine has: whole-system tests beside one another starve each other.
    maxWorkers: 2,
  },
});
