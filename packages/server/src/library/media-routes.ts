import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError, FileId } from '@aircheck/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { pathOf, type ZodTypeProvider } from '../http/index.ts';
import type { StoredAsset } from './assets.ts';
import type { StoredDerivative } from './derivatives.ts';
import type { Library } from './library.ts';
import type { MediaLinks } from './links.ts';
import { type MediaFile, openMediaFile, sendMediaFile } from './media-file.ts';
import { extensionOf } from './media-urls.ts';
import { HlsPlaylists, type PlayedFile } from './playlists.ts';
import type { ServedBytes } from './served-bytes.ts';
import { signedVtt } from './signed-vtt.ts';

export interface MediaRoutesOptions {
  readonly library: Pick<Library, 'get' | 'derivativesOf'>;
  readonly links: MediaLinks;
  /** Checks links that are signed in another way. @returns the query for further links; undefined when they are not */
  readonly hotlink?: (
    appId: string,
    path: string,
    query: Readonly<Record<string, unknown>>,
  ) => Promise<string | undefined>;
  readonly served: ServedBytes;
  readonly recordingsFolder: string;
  readonly derivedFolder: string;
  /** Who sends the bytes of files. */
  readonly accel: 'none' | 'nginx';
}

const AssetParams = z.object({ fileId: FileId, name: z.string() });
const DerivativeParams = AssetParams.extend({ derivativeId: z.string().max(100) });
const LinkQuery = z.looseObject({ download: z.string().optional() });

interface Found {
  readonly file: PlayedFile;
  /** Other files beside it, by their names. */
  readonly beside?: Readonly<Record<string, MediaFile>>;
}

/** `/v1/media`, for those with a link. */
export function registerMediaRoutes(server: FastifyInstance, options: MediaRoutesOptions): void {
  const { library, links, hotlink, served } = options;
  const playlists = new HlsPlaylists();
  const app = server.withTypeProvider<ZodTypeProvider>();
  const method = ['GET' as const, 'HEAD' as const];
  const described = {
    description: 'Links come from `POST /v1/assets/{fileId}/play-urls`; playlists are at the name `index.m3u8`.',
    tags: ['media'],
    public: true,
    produces: 'application/octet-stream',
    errors: ['link-invalid', 'link-expired', 'asset-banned', 'range-not-satisfiable'],
  } as const;

  app.route({
    method,
    url: '/v1/media/:fileId/:name',
    schema: {
      ...described,
      summary: 'A file, or a range of it, for who has a signed link',
      params: AssetParams,
      querystring: LinkQuery,
    },
    handler: (request, reply) => answer(request, reply, request.params, async (stored) => ({ file: asset(stored) })),
  });
  app.route({
    method,
    url: '/v1/media/:fileId/d/:derivativeId/:name',
    schema: {
      ...described,
      summary: 'What was made of a file, for who has a signed link',
      params: DerivativeParams,
      querystring: LinkQuery,
    },
    handler: (request, reply) => {
      const { derivativeId } = request.params;
      return answer(request, reply, request.params, (stored) => derivative(stored, derivativeId));
    },
  });

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { fileId, name }: z.infer<typeof AssetParams>,
    find: (stored: StoredAsset) => Promise<Found>,
  ): Promise<unknown> {
    const given = request.query as Readonly<Record<string, unknown>>;
    const stored = await library.get(fileId);
    const { appId } = stored;
    const query = (await hotlink?.(appId, pathOf(request), given)) ?? links.check(appId, fileId, given);
    const { file, beside } = await find(playable(stored));
    const look = async () => (await find(playable(await library.get(fileId)))).file;
    const segment = /^segment-(\d{1,9})\.m4s$/.exec(name);
    const made =
      name === 'index.m3u8'
        ? await playlists.sendPlaylist(reply, file, look, query)
        : name === 'init.mp4'
          ? await playlists.sendInit(reply, file)
          : segment !== null
            ? await playlists.sendSegment(reply, file, Number(segment[1]))
            : name.endsWith('.vtt')
              ? await sendVtt(reply, beside?.[name], query)
              : undefined;
    if (made !== undefined) {
      const length = Buffer.byteLength(made);
      if (request.method === 'HEAD') return reply.header('content-length', length).send();
      // What is made in memory is small, and is sent as a whole as a rule.
      reply.raw.once('finish', () => served.add(file, length, 1));
      return made;
    }
    const wanted = beside !== undefined && Object.hasOwn(beside, name) ? beside[name]! : file;
    const folderName = wanted.folder === options.derivedFolder ? 'derived' : 'recordings';
    return sendMediaFile(request, reply, wanted, {
      served,
      accelPrefix: options.accel === 'nginx' ? `/aircheck-files/${folderName}` : undefined,
      download: given.download !== undefined && given.download !== '0',
    });
  }

  function asset({ appId, path, asset }: StoredAsset): PlayedFile {
    const { fileId, state, mimeType, fileName, startedAt } = asset;
    return {
      appId,
      fileId,
      id: fileId,
      folder: options.recordingsFolder,
      path,
      mimeType,
      finished: state === 'ready',
      growing: state === 'recording',
      startedAtMs: Date.parse(startedAt),
      saveAs: withExtension(fileName, extensionOf(path)),
    };
  }

  async function derivative(stored: StoredAsset, derivativeId: string): Promise<Found> {
    const { fileId } = stored.asset;
    const all = (await library.derivativesOf([fileId])).get(fileId) ?? [];
    const found = all.find(({ derivative }) => derivative.derivativeId === derivativeId);
    if (found === undefined) throw new AircheckError('asset-not-found', `The file ${fileId} has no ${derivativeId}`);
    return derivedFiles(found, stored);
  }

  function derivedFiles({ derivative, path, appId }: StoredDerivative, { asset }: StoredAsset): Found {
    const { fileId, derivativeId, mimeType, info } = derivative;
    const file = {
      appId,
      fileId,
      id: derivativeId,
      folder: options.derivedFolder,
      path,
      mimeType,
      finished: true,
      growing: false,
      startedAtMs: derivative.kind === 'rendition' ? Date.parse(asset.startedAt) : undefined,
      saveAs: withExtension(asset.fileName, extensionOf(path)),
    };
    const names = [...(info.sheets ?? []), ...(info.vtt === undefined ? [] : [info.vtt])];
    const beside = names.map((name) => {
      const type = name === info.vtt ? 'text/vtt; charset=utf-8' : mimeType;
      const id = `${derivativeId}-${name}`;
      return [name, { ...file, id, path: join(path, '..', name), mimeType: type, saveAs: name }] as const;
    });
    return { file, beside: Object.fromEntries(beside) };
  }
}

/** @throws AircheckError `asset-not-found` for a file that is going to be removed, `asset-banned` */
function playable(stored: StoredAsset): StoredAsset {
  const { fileId, state, banned } = stored.asset;
  if (state === 'recycled' || state === 'deleting') {
    throw new AircheckError('asset-not-found', `The file ${fileId} was deleted`);
  }
  if (banned) throw new AircheckError('asset-banned', `The file ${fileId} is banned: nobody may play it`);
  return stored;
}

async function sendVtt(reply: FastifyReply, file: MediaFile | undefined, query: string): Promise<string> {
  if (file === undefined) throw new AircheckError('asset-not-found', 'There is no such file');
  const handle = await openMediaFile(file);
  try {
    const text = await readFile(handle, 'utf8');
    reply.headers({
      'content-type': file.mimeType,
      'cache-control': 'private, max-age=3600',
      'cross-origin-resource-policy': 'cross-origin',
    });
    return signedVtt(text, query);
  } finally {
    await handle.close();
  }
}

function withExtension(name: string, extension: string): string {
  return name.toLowerCase().endsWith(`.${extension}`) ? name : `${name}.${extension}`;
}
