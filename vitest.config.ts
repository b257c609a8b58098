import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/tests/**/*.test.ts', 'e2e/**/*.test.ts'],
    globalSetup: ['packages/server/tests/postgres.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores are what a continuous-integration machine has: whole-system tests beside one another starve each other.
    maxWorkers: 2,
  },
});
