import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { recoverSegment } from '@aircheck/engine/recorder';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import { Apps, ConsoleSessions, loadCredentials, registerAccess, registerAppRoutes } from './apps/index.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { DataFolder } from './data-folder.ts';
import { openDatabase } from './db/index.ts';
import {
  Events,
  Outbox,
  queueFormat,
  registerEventRoutes,
  SafeHttp,
  TargetGuard,
  webhookFormat,
} from './events/index.ts';
import { createHttpServer } from './http/index.ts';
import { registerWhep, registerWhip } from './ingest/index.ts';
import { Jobs, registerJobRoutes } from './jobs/index.ts';
import {
  Library,
  MediaLinks,
  MediaUrls,
  Pulls,
  Removals,
  registerLibraryRoutes,
  registerLibrarySettingsRoutes,
  registerMediaRoutes,
  registerUploadRoutes,
  ServedBytes,
  Sweeper,
  TusServer,
  Uploads,
} from './library/index.ts';
import { Recordings, registerRecordingRoutes } from './recording/index.ts';
import { Rooms, registerRoomRoutes, registerSignaling } from './rooms/index.ts';
import {
  Hotlinks,
  looksLikeUserSig,
  registerTencentApi,
  registerVideorelay,
  UserSigs,
  vendorFormats,
} from './vendors/index.ts';
import { version } from './version.ts';
import { MediaWorkers } from './worker/index.ts';

export interface Server {
  /** What this machine reaches it under, without a slash at the end. */
  readonly url: string;
  readonly app: FastifyInstance;
  /** The default app's key and secret; `created` when they were made just now and must be shown once. */
  readonly credentials: { readonly key: string; readonly secret: string; readonly created: boolean };
  /** Signs a browser in to the console, once and within an hour. */
  readonly signInUrl: string;
  /** Process ids of the media workers. */
  readonly workerPids: readonly number[];
  /** Finishes all recordings and ends; may be called twice. */
  close(): Promise<void>;
}

/**
 * Wires the parts together and listens.
 * @throws AircheckError `storage-failed`, `data-locked`; the system's error when the port is taken
 */
export async function createServer(config: Config, logger: Logger = pino({ level: config.logLevel })): Promise<Server> {
  // Runs what was deferred in reverse order: after a failed start, and in the end.
  await using starting = new AsyncDisposableStack();

  const dataFolder = await DataFolder.open(config.dataFolder);
  starting.defer(() => dataFolder.close());
  const credentials = await loadCredentials(config.dataFolder, config.credentials);
  const db = await openDatabase(config.database);
  starting.defer(() => db.destroy());

  const clock = systemClock;
  const sessions = new ConsoleSessions(credentials.secret, clock);
  const apps = await Apps.open({ db, credentials, sessions, clock });
  const outbox = new Outbox(clock);
  const guard = new TargetGuard(config.webhookAllow);
  const http = new SafeHttp(guard);
  starting.defer(() => http.close());
  const library: Library = new Library({
    db,
    outbox,
    clock,
    enqueueRemoval: async (transaction, { appId, fileId, reason }) => {
      await jobs.cancelOfFile(transaction, fileId);
      await jobs.enqueueInternal(transaction, { type: 'delete', appId, fileId, input: { fileId, reason } });
    },
  });
  const jobs = new Jobs({ db, library, outbox, config, clock, logger });
  library.onReady(async (transaction, stored) => {
    const { recordingId } = stored.asset;
    const process = recordingId === null ? undefined : await recordings.processOf(recordingId, transaction);
    await jobs.fileReady(transaction, stored, process);
  });
  const removals = new Removals({ db, outbox, config });
  removals.attach(jobs);
  const sweeper = new Sweeper({ db, library, clock, logger });
  starting.defer(() => sweeper.close());
  const served = new ServedBytes({ db, clock, logger });
  starting.defer(() => served.close());
  const workers = new MediaWorkers({
    count: config.mediaWorkers,
    portRange: config.udpPorts,
    options: {
      host: config.host,
      recordingsFolder: config.recordingsFolder,
      syncMs: config.syncMs,
      logLevel: config.logLevel,
      ...(config.publicIp !== undefined && { publicIp: config.publicIp }),
    },
    logger,
  });

  // Rooms show their recordings, and recordings are told to their rooms: one of the two has to come later.
  const recordings: Recordings = new Recordings({
    db,
    library,
    outbox,
    workers,
    rooms: {
      type: (appId, roomId) => rooms.type(appId, roomId),
      participant: (appId, roomId, userId) => rooms.participant(appId, roomId, userId),
      broadcast: (appId, roomId, notification) => rooms.broadcast(appId, roomId, notification),
    },
    config,
    recoverSegment,
    clock,
    logger,
  });
  const rooms = new Rooms({ db, workers, apps, config, recordings, outbox, clock, logger });
  starting.defer(() => recordings.close());
  apps.usePresence((appId, userId) => rooms.presence(appId, userId));
  const userSigs = new UserSigs({ apps, settings: library.settings, clock });
  apps.acceptTokens((token) => (looksLikeUserSig(token) ? userSigs.principal(token) : undefined));
  const recording = (appId: string, recordingId: string) => recordings.get({ kind: 'server', appId }, recordingId);
  const uploads = new Uploads({
    db,
    library,
    jobs,
    outbox,
    recordingOwner: recording,
    config,
    clock,
    logger,
  });
  new Pulls({ db, uploads, jobs, http });
  starting.defer(() => uploads.close());
  const links = new MediaLinks((appId) => apps.linkKey(appId), clock);
  const ownUrl = () => localUrl(app.server.address() as AddressInfo);
  const urls = new MediaUrls({ links, publicUrl: config.publicUrl, ownUrl });
  const meeting: Rooms['meeting'] = (appId, roomId) => rooms.meeting(appId, roomId);
  const formats = {
    webhook: webhookFormat(clock),
    queue: queueFormat,
    ...vendorFormats({ db, library, urls, jobs, recording, meeting, clock }),
  };
  const events = new Events({ db, outbox, formats, guard, http, clock, logger });
  starting.defer(() => events.close());

  await recordings.recover();
  await rooms.recover();
  await workers.start();
  starting.defer(() => workers.close());
  starting.defer(() => jobs.close());
  await uploads.start();
  await jobs.start();
  sweeper.start();

  let draining = false;
  const app = await createHttpServer({
    logger,
    version,
    consoleFolder: join(import.meta.dirname, '../../console/dist'),
    sdkFolder: join(import.meta.dirname, '../../web/dist'),
    agentFolder: join(import.meta.dirname, '../../agent/dist'),
    health: {
      draining: () => draining,
      readyWorkers: () => workers.pids.length,
      workerStats: () => workers.stats(),
      jobCounts: () => jobs.counts(),
    },
  });
  starting.defer(() => closeHttp(app));
  registerAccess(app, apps);
  registerAppRoutes(app, { apps, sessions, clock, secureCookies: config.publicUrl?.startsWith('https:') ?? false });
  registerRoomRoutes(app, rooms);
  registerRecordingRoutes(app, { recordings, library, urls });
  registerLibraryRoutes(app, { library, removals, urls });
  registerLibrarySettingsRoutes(app, library);
  const hotlinks = new Hotlinks({ settings: library.settings, publicUrl: config.publicUrl, clock });
  registerMediaRoutes(app, {
    library,
    links,
    recording: (recordingId) => recordings.played(recordingId),
    hotlink: (appId, path, query) => hotlinks.check(appId, path, query),
    served,
    recordingsFolder: config.recordingsFolder,
    derivedFolder: config.derivedFolder,
    accel: config.accel,
  });
  registerJobRoutes(app, jobs);
  registerEventRoutes(app, events);
  const { uploadsFolder, publicUrl } = config;
  registerUploadRoutes(app, uploads, new TusServer({ uploads, uploadsFolder, publicUrl, logger }));
  const taskEvents = formats['tencent-vod'];
  const { queue } = events;
  registerTencentApi(app, { apps, db, library, urls, jobs, uploads, queue, taskEvents, clock, config });
  registerVideorelay(app, {
    userSigs,
    settings: library.settings,
    recordings,
    kick: (appId, roomId, userId) => rooms.kick(appId, roomId, userId),
  });
  registerSignaling(app, rooms);
  registerWhip(app, { rooms });
  registerWhep(app, { rooms });
  await app.listen({ host: config.host, port: config.port });
  // Links in what is told may lead to where the server listens.
  await events.start();

  const url = localUrl(app.server.address() as AddressInfo);
  const running = starting.move();
  let closing: Promise<void> | undefined;
  return {
    url,
    app,
    credentials,
    signInUrl: `${config.publicUrl ?? url}/#code=${sessions.issueCode()}`,
    get workerPids() {
      return workers.pids;
    },
    close() {
      closing ??= (async () => {
        draining = true;
        rooms.close();
        events.queue.close();
        await Promise.all([workers.drain(), jobs.close(), rooms.settled()]);
        await running.disposeAsync();
      })();
      return closing;
    },
  };
}

/** How long requests under way may take to be answered, in milliseconds; a player may hold a download for hours. */
const answerGraceMs = 2000;

async function closeHttp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), answerGraceMs);
  await app.close();
  clearTimeout(timer);
}

/** A URL that leads to the address from this machine: one that stands for all of them leads nowhere. */
function localUrl({ address, family, port }: AddressInfo): string {
  const host = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address;
  return `http://${family === 'IPv6' && host === address ? `[${host}]` : host}:${port}`;
}
