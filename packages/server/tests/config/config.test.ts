import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { describe, expect, it } from 'vitest';
import { configHelp, readConfig } from '../../src/config.ts';

function problemOf(environment: Record<string, string>): AircheckError {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof AircheckError) return error;
  }
  throw new Error('the configuration was taken');
}

describe('the configuration', () => {
  it('works without any key', () => {
    expect(readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      dataFolder: resolve('data'),
      recordingsFolder: resolve('data/recordings'),
      udpPorts: [40_000, 40_099],
      publicIp: undefined,
      publicUrl: undefined,
      iceServers: [],
      database: { kind: 'sqlite', file: resolve('data/aircheck.db') },
      credentials: undefined,
      segmentSeconds: 5400,
      idleSeconds: 60,
      syncMs: 2000,
      jobWorkers: 1,
      uploadMaxBytes: 10 * 2 ** 30,
      webhookAllow: [],
      accel: 'none',
      logLevel: 'info',
    });
    expect(readConfig({}).mediaWorkers).toBeGreaterThanOrEqual(1);
  });

  it('takes every key', () => {
    const config = readConfig({
      AIRCHECK_HOST: '0.0.0.0',
      AIRCHECK_PORT: '0',
      AIRCHECK_DATA: '/var/lib/aircheck',
      AIRCHECK_UDP_PORTS: '50000-50009',
      AIRCHECK_PUBLIC_IP: '203.0.113.7',
      AIRCHECK_PUBLIC_URL: 'https://rec.example.com/',
      AIRCHECK_ICE_SERVERS: '[{"urls":["stun:stun.example.com"]}]',
      DATABASE_URL: 'postgres://user:password@db/aircheck',
      AIRCHECK_API_KEY: 'my-key',
      AIRCHECK_API_SECRET: '0123456789abcdef',
      AIRCHECK_MEDIA_WORKERS: '3',
      AIRCHECK_SEGMENT_SECONDS: '600',
      AIRCHECK_IDLE_SECONDS: '5',
      AIRCHECK_SYNC_MS: '500',
      AIRCHECK_JOB_WORKERS: '2',
      AIRCHECK_UPLOAD_MAX_BYTES: '1000000',
      AIRCHECK_WEBHOOK_ALLOW: '10.1.0.0/16, hooks.example.com',
      AIRCHECK_ACCEL: 'nginx',
      AIRCHECK_LOG_LEVEL: 'debug',
    });
    expect(config).toEqual({
      host: '0.0.0.0',
      port: 0,
      dataFolder: '/var/lib/aircheck',
      recordingsFolder: '/var/lib/aircheck/recordings',
      derivedFolder: '/var/lib/aircheck/derived',
      uploadsFolder: '/var/lib/aircheck/uploads',
      workFolder: '/var/lib/aircheck/work',
      udpPorts: [50_000, 50_009],
      publicIp: '203.0.113.7',
      publicUrl: 'https://rec.example.com',
      iceServers: [{ urls: ['stun:stun.example.com'] }],
      database: { kind: 'postgres', url: 'postgres://user:password@db/aircheck' },
      credentials: { key: 'my-key', secret: '0123456789abcdef' },
      mediaWorkers: 3,
      segmentSeconds: 600,
      idleSeconds: 5,
      syncMs: 500,
      jobWorkers: 2,
      uploadMaxBytes: 1_000_000,
      webhookAllow: ['10.1.0.0/16', 'hooks.example.com'],
      accel: 'nginx',
      logLevel: 'debug',
    });
  });

  it('takes an empty variable for an absent one', () => {
    expect(readConfig({ AIRCHECK_PORT: '', AIRCHECK_PUBLIC_IP: '  ' })).toMatchObject({
      port: 8080,
      publicIp: undefined,
    });
  });

  it.each([
    ['AIRCHECK_HOST', 'not a host'],
    ['AIRCHECK_PORT', '65536'],
    ['AIRCHECK_PORT', '-1'],
    ['AIRCHECK_PORT', '80a'],
    ['AIRCHECK_UDP_PORTS', '40099-40000'],
    ['AIRCHECK_UDP_PORTS', '0-10'],
    ['AIRCHECK_PUBLIC_IP', 'example.com'],
    ['AIRCHECK_PUBLIC_URL', 'ftp://example.com'],
    ['AIRCHECK_PUBLIC_URL', 'https://example.com/?a=b'],
    ['AIRCHECK_MEDIA_WORKERS', '0'],
    ['AIRCHECK_SEGMENT_SECONDS', '4'],
    ['AIRCHECK_IDLE_SECONDS', '1.5'],
    ['AIRCHECK_SYNC_MS', '10'],
    ['AIRCHECK_JOB_WORKERS', '65'],
    ['AIRCHECK_UPLOAD_MAX_BYTES', '0'],
    ['AIRCHECK_WEBHOOK_ALLOW', '10.1.0.0/33'],
    ['AIRCHECK_ACCEL', 'apache'],
    ['AIRCHECK_LOG_LEVEL', 'loud'],
  ])('refuses %s=%s and says what it must be', (name, value) => {
    const error = problemOf({ [name]: value });
    expect(error.code).toBe('config-invalid');
    expect(error.message).toMatch(new RegExp(`^${name} is .*, but must be .+`));
    expect(error.message).toContain(JSON.stringify(value));
  });

  it.each([
    ['DATABASE_URL', 'mysql://user:hunter2@db'],
    ['AIRCHECK_ICE_SERVERS', '[{"urls":"turn:hunter2"'],
  ])('does not repeat the value of %s, which may hold a password', (name, value) => {
    const error = problemOf({ [name]: value });
    expect(error.message).toContain(`${name} is (not shown), but must be`);
    expect(error.message).not.toContain('hunter2');
  });

  it('names all problems at once', () => {
    const error = problemOf({ AIRCHECK_PORT: 'x', AIRCHECK_SYNC_MS: 'y', AIRCHECK_API_KEY: 'lonely' });
    expect(error.message).toContain('AIRCHECK_PORT');
    expect(error.message).toContain('AIRCHECK_SYNC_MS');
    expect(error.message).toContain('must be set both or not at all');
  });

  it('is listed whole in the help, and in the documentation with the same defaults', async () => {
    const keys = [...configHelp().matchAll(/^ {2}([A-Z_]+) +(.+)$/gm)].map(([, name, value]) => [name, value]);
    expect(keys).toHaveLength(19);
    const page = await readFile(new URL('../../../../docs/operations.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    for (const [name, value] of keys) {
      const row = rows.find((line) => line.includes(`\`${name}\``));
      expect(row, `${name} in docs/operations.md`).toBeDefined();
      if (/^[\d./[\]-]+$/.test(value!)) expect(row).toContain(`| \`${value}\` |`);
    }
  });
});
