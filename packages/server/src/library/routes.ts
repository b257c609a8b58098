import {
  AircheckError,
  Asset,
  AssetList,
  AssetQuery,
  DerivativeList,
  FileId,
  PlayUrls,
  PlayUrlsRequest,
  UpdateAssetRequest,
} from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { listedFor, type Principal, principalOf, requireServer, requireSight, roleIn } from '../apps/index.ts';
import type { ZodTypeProvider } from '../http/index.ts';
import type { StoredAsset } from './assets.ts';
import type { StoredDerivative } from './derivatives.ts';
import type { Library } from './library.ts';
import type { MediaUrls } from './media-urls.ts';
import type { Removals } from './removals.ts';

export interface LibraryRoutesOptions {
  readonly library: Library;
  readonly removals: Removals;
  readonly urls: MediaUrls;
}

const FileParams = z.object({ fileId: FileId });
const DerivativeParams = FileParams.extend({ derivativeId: z.string().min(1).max(100) });
const DeleteQuery = z.object({ /** Passes the recycle bin over. */ now: z.stringbool().default(false) });

/** `/v1/assets`, for those with credentials. */
export function registerLibraryRoutes(server: FastifyInstance, options: LibraryRoutesOptions): void {
  const { library, removals, urls } = options;
  const app = server.withTypeProvider<ZodTypeProvider>();
  const config = { access: 'any' } as const;
  const tags = ['library'];

  app.get(
    '/v1/assets',
    {
      config,
      schema: {
        summary: 'Files that match a filter, newest first or in another order',
        description:
          'A file is listed from its first fragment on, and no longer when it is in the recycle bin, unless `state` asks ' +
          'for those. `total` counts all that match. The files of one recording in their order: `recordingId` with ' +
          '`sort=segmentIndex`. Users see those of their own room; with a user token those of the rooms they are in now, by ' +
          '`roomId`, and without one their own of all rooms.',
        tags,
        querystring: AssetQuery,
        response: { 200: AssetList },
      },
    },
    (request) => {
      const principal = principalOf(request);
      const { query } = request;
      return library.list(principal.appId, { ...query, ...listedFor(principal, query) });
    },
  );

  app.get(
    '/v1/assets/:fileId',
    {
      config,
      schema: {
        summary: 'A file',
        description:
          'Users see those of their own room; with a user token of the rooms they are in now, and their own.',
        tags,
        params: FileParams,
        response: { 200: Asset },
      },
    },
    async (request) => (await permitted(library, principalOf(request), request.params.fileId)).asset,
  );

  app.patch(
    '/v1/assets/:fileId',
    {
      config,
      schema: {
        summary: 'Change name, intro, class, tags, expiry, cover or ban of a file',
        description: 'What is absent stays. Hosts change the files of their room; a ban is the app’s alone.',
        tags,
        params: FileParams,
        body: UpdateAssetRequest,
        response: { 200: Asset },
        errors: ['asset-state'],
      },
    },
    async (request) => {
      const principal = principalOf(request);
      if (request.body.banned !== undefined) requireServer(principal);
      await changeable(library, principal, request.params.fileId);
      return (await library.update(principal.appId, request.params.fileId, request.body)).asset;
    },
  );

  app.delete(
    '/v1/assets/:fileId',
    {
      config,
      schema: {
        summary: 'Delete a file and all that was made of it',
        description:
          'It goes into the recycle bin (200, state `recycled`) for the days that the settings say. With `now`, without ' +
          'such days and for a file that failed a job removes it at once (202, state `deleting`), and `asset.deleted` ' +
          'tells when nothing of it is left. Hosts delete the files of their room.',
        tags,
        params: FileParams,
        querystring: DeleteQuery,
        response: { 200: Asset, 202: Asset },
        errors: ['asset-state'],
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      await changeable(library, principal, request.params.fileId);
      const { asset } = await library.remove(principal.appId, request.params.fileId, request.query);
      return reply.code(asset.state === 'deleting' ? 202 : 200).send(asset);
    },
  );

  app.post(
    '/v1/assets/:fileId/restore',
    {
      config,
      schema: {
        summary: 'Take a file out of the recycle bin',
        description: 'Hosts restore the files of their room.',
        tags,
        params: FileParams,
        response: { 200: Asset },
        errors: ['asset-state'],
      },
    },
    async (request) => {
      const principal = principalOf(request);
      await changeable(library, principal, request.params.fileId);
      return (await library.restore(principal.appId, request.params.fileId)).asset;
    },
  );

  app.get(
    '/v1/assets/:fileId/derivatives',
    {
      config,
      schema: {
        summary: 'What jobs have made of a file, oldest first',
        tags,
        params: FileParams,
        response: { 200: DerivativeList },
      },
    },
    async (request) => {
      const { asset } = await permitted(library, principalOf(request), request.params.fileId);
      return { items: (await derivativesOf(library, asset.fileId)).map(({ derivative }) => derivative) };
    },
  );

  app.delete(
    '/v1/assets/:fileId/derivatives/:derivativeId',
    {
      config,
      schema: {
        summary: 'Delete one thing that was made of a file',
        tags,
        params: DerivativeParams,
        response: { 204: z.undefined() },
        errors: ['storage-failed'],
      },
    },
    async (request, reply) => {
      const { fileId, derivativeId } = request.params;
      await changeable(library, principalOf(request), fileId);
      const stored = (await derivativesOf(library, fileId)).find(
        ({ derivative }) => derivative.derivativeId === derivativeId,
      );
      if (stored === undefined) {
        throw new AircheckError('not-found', `The file ${fileId} has no derivative ${derivativeId}`);
      }
      await removals.removeDerivative(stored);
      return reply.code(204).send();
    },
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
        errors: ['asset-banned', 'asset-state'],
      },
    },
    async (request) => {
      const stored = await permitted(library, principalOf(request), request.params.fileId);
      const { fileId, banned, state } = stored.asset;
      if (banned) throw new AircheckError('asset-banned', `The file ${fileId} may not be played`);
      if (state === 'recycled' || state === 'deleting') {
        throw new AircheckError('asset-state', `The file ${fileId} is ${state}: it cannot be played`);
      }
      const derivatives = await derivativesOf(library, fileId);
      return urls.forAsset(stored, derivatives, { ...request.body, origin: urls.originOf(request) });
    },
  );
}

async function derivativesOf(library: Library, fileId: string): Promise<StoredDerivative[]> {
  return (await library.derivativesOf([fileId])).get(fileId) ?? [];
}

async function permitted(library: Library, principal: Principal, fileId: string): Promise<StoredAsset> {
  const stored = await library.get(fileId, principal.appId);
  requireSight(principal, stored.asset);
  return stored;
}

/** A user changes and deletes as host of the room alone, whoever is in the file. */
async function changeable(library: Library, principal: Principal, fileId: string): Promise<StoredAsset> {
  const stored = await permitted(library, principal, fileId);
  if (principal.kind === 'user' && roleIn(principal, stored.asset.roomId) !== 'host') {
    throw new AircheckError('forbidden', 'Only hosts of the room change its files');
  }
  return stored;
}
