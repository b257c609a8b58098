import { AircheckError, Asset, AssetList, AssetQuery, FileId, PlayUrls, PlayUrlsRequest } from '@aircheck/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Principal, principalOf, requireRoom } from '../apps/index.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import type { StoredAsset } from './assets.ts';
import type { Library } from './library.ts';
import type { MediaLinks } from './links.ts';
import { sendMediaFile } from './media-file.ts';
import type { HlsPlaylists } from './playlists.ts';

export interface LibraryRoutesOptions {
  readonly library: Library;
  readonly links: MediaLinks;
  readonly playlists: HlsPlaylists;
  readonly recordingsFolder: string;
  /** What links begin with; taken from the request when absent. */
  readonly publicUrl: string | undefined;
}

const FileParams = z.object({ fileId: FileId });
const MediaParams = z.object({ fileId: FileId, name: z.string() });
const LinkQuery = z.object({ exp: z.unknown().optional(), sig: z.unknown().optional() });

/** `/v1/assets` for those with credentials, `/v1/media` for those with a link. */
export function registerLibraryRoutes(server: FastifyInstance, options: LibraryRoutesOptions): void {
  const { library, links, playlists, recordingsFolder } = options;
  const app = server.withTypeProvider<ZodTypeProvider>();
  const config = { access: 'any' } as const;
  const tags = ['library'];

  app.get(
    '/v1/assets',
    {
      config,
      schema: {
        summary: 'Files, newest first',
        description: 'A file is listed from its first fragment on. `total` counts all that the filter lets through.',
        tags,
        querystring: AssetQuery,
        response: { 200: AssetList },
      },
    },
    (request) => {
      const principal = principalOf(request);
      const { query } = request;
      if (query.roomId !== undefined) requireRoom(principal, query.roomId);
      const roomId = principal.kind === 'user' ? principal.roomId : query.roomId;
      return library.list(principal.appId, { ...query, roomId });
    },
  );

  app.get(
    '/v1/assets/:fileId',
    { config, schema: { summary: 'A file', tags, params: FileParams, response: { 200: Asset } } },
    async (request) => (await permitted(library, principalOf(request), request.params.fileId)).asset,
  );

  app.post(
    '/v1/assets/:fileId/play-urls',
    {
      config,
      schema: {
        summary: 'Links that play a file without credentials until they expire',
        tags,
        params: FileParams,
        body: PlayUrlsRequest,
        response: { 200: PlayUrls },
      },
    },
    async (request) => {
      const stored = await permitted(library, principalOf(request), request.params.fileId);
      const { fileId, mimeType, fileName } = stored.asset;
      const { query, expiresAt } = links.sign(stored.appId, fileId, request.body.ttlSeconds);
      const base = `${options.publicUrl ?? originOf(request)}/v1/media/${fileId}`;
      const extension = mimeType.includes('webm') ? 'webm' : 'mp4';
      return {
        mp4: `${base}/${linkName(fileName)}.${extension}?${query}`,
        hls: extension === 'webm' ? null : `${base}/index.m3u8?${query}`,
        poster: null,
        sprite: null,
        renditions: [],
        images: [],
        expiresAt: new Date(expiresAt).toISOString(),
      };
    },
  );

  app.route({
    method: ['GET', 'HEAD'],
    url: '/v1/media/:fileId/:name',
    schema: { params: MediaParams, querystring: LinkQuery },
    handler: async (request, reply) => {
      const { fileId, name } = request.params;
      const stored = await library.get(fileId);
      const query = links.check(stored.appId, fileId, request.query);
      if (name === 'index.m3u8') return playlists.sendPlaylist(reply, () => library.get(fileId), query);
      if (name === 'init.mp4') return playlists.sendInit(reply, stored);
      return sendMediaFile(request, reply, recordingsFolder, stored);
    },
  });
}

async function permitted(library: Library, principal: Principal, fileId: string): Promise<StoredAsset> {
  const stored = await library.get(fileId, principal.appId);
  requireRoom(principal, stored.asset.roomId);
  return stored;
}

/** What the link ends with: for the eye only, the file is named by its id. Kept short and without what proxies unfold. */
function linkName(fileName: string): string {
  const plain = [...fileName.replaceAll(/[^\p{L}\p{N}]+/gu, '-')]
    .slice(0, 60)
    .join('')
    .replaceAll(/^-+|-+$/g, '');
  return plain === '' ? 'recording' : encodeURIComponent(plain);
}

/** @throws AircheckError `request-invalid` when the Host header names no host */
function originOf(request: FastifyRequest): string {
  const origin = `${request.protocol}://${request.host}`;
  // What else a Host header may hold must not get into links.
  if (/^[\w.:[\]-]+$/.test(request.host) && URL.canParse(origin)) return origin;
  throw new AircheckError('request-invalid', 'The Host header names no host', { input: 'headers.host' });
}
