import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { Apps, ConsoleSessions, registerAccess, registerAppRoutes, type TokenGrant } from '../../src/apps/index.ts';
import type { Database } from '../../src/db/index.ts';
import type { WorkerStats } from '../../src/worker/contract.ts';
import { openTestDatabase } from '../databases.ts';
import { createTestHttpServer } from './declared-errors.ts';

export const credentials = { key: 'ak_test', secret: 'a secret of sixteen letters' };

/** The HTTP server with apps, in front of an empty database, without the parts that need media. */
export interface TestServer {
  readonly app: FastifyInstance;
  readonly db: Database;
  readonly apps: Apps;
  readonly sessions: ConsoleSessions;
  readonly folder: string;
  readonly clock: { nowMs: number; now(): number };
  readonly state: { draining: boolean; readyWorkers: number; stats: WorkerStats[] };
  /** Log lines so far. */
  readonly log: string[];
  token(grant?: Partial<TokenGrant>): Promise<string>;
  /** Sends a request with the app's key and secret. */
  asServer(options: InjectOptions): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

export async function startTestServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-http-'));
  const clock = { nowMs: Date.now(), now: () => clock.nowMs };
  const state = { draining: false, readyWorkers: 1, stats: [] as WorkerStats[] };
  const log: string[] = [];
  const { db, close: closeDatabase } = await openTestDatabase();
  const sessions = new ConsoleSessions(credentials.secret, clock);
  const apps = await Apps.open({ db, credentials, sessions, clock });
  const app = await createTestHttpServer({
    logger: pino({ level: 'debug' }, { write: (line: string) => log.push(line) }),
    version: '1.2.3',
    consoleFolder: join(folder, 'console'),
    sdkFolder: join(folder, 'sdk'),
    agentFolder: join(folder, 'agent'),
    health: {
      draining: () => state.draining,
      readyWorkers: () => state.readyWorkers,
      workerStats: async () => state.stats,
    },
  });
  registerAccess(app, apps);
  registerAppRoutes(app, { apps, sessions, clock, secureCookies: false });
  const authorization = `Basic ${Buffer.from(`${credentials.key}:${credentials.secret}`).toString('base64')}`;
  return {
    app,
    db,
    apps,
    sessions,
    folder,
    clock,
    state,
    log,
    token: async (grant = {}) => {
      const whole = { userId: 'anna', roomId: 'studio', role: 'host' as const, ttlSeconds: 3600, ...grant };
      return (await apps.signToken('default', whole)).token;
    },
    asServer: (options) => app.inject({ ...options, headers: { authorization, ...options.headers } }),
    async close() {
      await app.close();
      await closeDatabase();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
