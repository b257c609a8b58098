import { cp, mkdir, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { newFileId } from '@aircheck/engine/file-id';
import { onTestFinished } from 'vitest';
import {
  type Library,
  MediaLinks,
  type MediaRoutesOptions,
  MediaUrls,
  type NewDerivative,
  registerLibraryRoutes,
  registerMediaRoutes,
  ServedBytes,
} from '../../src/library/index.ts';
import { startTestServer, type TestServer } from '../http/test-server.ts';
import { makeLibrary, recordingsOf } from './make-library.ts';

/** The routes of media over a real socket, in front of an empty library. */
export interface MediaServer {
  readonly server: TestServer;
  readonly library: Library;
  readonly links: MediaLinks;
  readonly served: ServedBytes;
  readonly recordingsFolder: string;
  readonly derivedFolder: string;
  readonly origin: string;
  /** Enters a copy of a file, or bytes. */
  addFile(content: string | Uint8Array, mimeType?: string): Promise<string>;
  addDerivative(
    fileId: string,
    made: Partial<NewDerivative> & Pick<NewDerivative, 'derivativeId' | 'kind'>,
    files: Readonly<Record<string, string | Uint8Array>>,
  ): Promise<void>;
  readonly mediaUrls: MediaUrls;
  /** Absolute URLs over the socket. */
  urls(fileId: string): Promise<ReturnType<MediaUrls['forAsset']>>;
  /** Bytes and requests that were counted so far. */
  counted(fileId: string): Promise<{ bytes: number; requests: number }>;
}

export async function startMediaServer(changes: Partial<MediaRoutesOptions> = {}): Promise<MediaServer> {
  const server = await startTestServer();
  const library = makeLibrary(server.db, server.clock);
  const links = new MediaLinks((appId) => server.apps.linkKey(appId), server.clock);
  const served = new ServedBytes({ db: server.db, clock: server.clock, logger: server.app.log as never });
  const [recordingsFolder, derivedFolder] = [join(server.folder, 'recordings'), join(server.folder, 'derived')];
  const ownUrl = () => `http://127.0.0.1:${(server.app.server.address() as AddressInfo).port}`;
  const urls = new MediaUrls({ links, publicUrl: undefined, ownUrl });
  registerLibraryRoutes(server.app, { library, urls, removals: { now: async () => {} } as never });
  const folders = { recordingsFolder, derivedFolder };
  registerMediaRoutes(server.app, {
    library,
    links,
    recording: recordingsOf(server.db),
    served,
    ...folders,
    accel: 'none',
    ...changes,
  });
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    server.app.server.closeAllConnections();
    await server.app.close();
    await served.close();
    await server.close();
  });

  async function put(path: string, content: string | Uint8Array): Promise<number> {
    await mkdir(dirname(path), { recursive: true });
    if (typeof content === 'string') await cp(content, path);
    else await writeFile(path, content);
    return (await stat(path)).size;
  }

  return {
    server,
    library,
    links,
    served,
    ...folders,
    mediaUrls: urls,
    origin: ownUrl(),
    async addFile(content, mimeType = 'video/mp4') {
      const fileId = newFileId();
      const extension = mimeType.split('/')[1]!;
      const path = join(fileId, `0000-${fileId}.${extension}`);
      const sizeBytes = await put(join(recordingsFolder, path), content);
      const facts = { mimeType, durationMs: 1000, sizeBytes, video: null, audio: null, extension };
      const named = { fileName: 'Lesson 课程', intro: '', classId: 0, tags: [], startedAt: Date.UTC(2026, 0, 1) };
      await server.db
        .transaction()
        .execute((transaction) =>
          library.addFile(transaction, { appId: 'default', fileId, source: 'upload', path, facts, ...named }),
        );
      return fileId;
    },
    async addDerivative(fileId, made, files) {
      let sizeBytes = 0;
      for (const [name, content] of Object.entries(files))
        sizeBytes += await put(join(derivedFolder, fileId, name), content);
      const path = join(fileId, Object.keys(files)[0]!);
      const common = { definition: 20, path, mimeType: 'video/mp4', sizeBytes, info: {}, jobId: 'job' };
      await server.db
        .transaction()
        .execute((transaction) => library.addDerivatives(transaction, fileId, [{ ...common, ...made }]));
    },
    async urls(fileId) {
      const derivatives = (await library.derivativesOf([fileId])).get(fileId) ?? [];
      return urls.forAsset(await library.get(fileId), derivatives, { ttlSeconds: 600 });
    },
    async counted(fileId) {
      await served.flush();
      const rows = await server.db.selectFrom('served_bytes').selectAll().where('file_id', '=', fileId).execute();
      const sum = { bytes: 0, requests: 0 };
      for (const { bytes, requests } of rows) {
        sum.bytes += Number(bytes);
        sum.requests += Number(requests);
      }
      return sum;
    },
  };
}
