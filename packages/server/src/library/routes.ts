import { Asset, AssetList, AssetQuery, FileId, PlayUrls, PlayUrlsRequest } from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Principal, principalOf, requireRoom } from '../apps/index.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import type { StoredAsset } from './assets.ts';
import type { Library } from './library.ts';
import type { MediaUrls } from './media-urls.ts';

export interface LibraryRoutesOptions {
  readonly library: Library;
  readonly urls: MediaUrls;
}

const FileParams = z.object({ fileId: FileId });

/** `/v1/assets`, for those with credentials. */
export function registerLibraryRoutes(server: FastifyInstance, options: LibraryRoutesOptions): void {
  const { library, urls } = options;
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
      const { fileId } = stored.asset;
      const derivatives = (await library.derivativesOf([fileId])).get(fileId) ?? [];
      return urls.forAsset(stored, derivatives, { ...request.body, origin: urls.originOf(request) });
    },
  );
}

async function permitted(library: Library, principal: Principal, fileId: string): Promise<StoredAsset> {
  const stored = await library.get(fileId, principal.appId);
  requireRoom(principal, stored.asset.roomId);
  return stored;
}
