import { FileId } from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ZodTypeProvider } from '../http/index.ts';
import type { Library } from './library.ts';
import type { MediaLinks } from './links.ts';
import { sendMediaFile } from './media-file.ts';
import type { HlsPlaylists } from './playlists.ts';

export interface MediaRoutesOptions {
  readonly library: Library;
  readonly links: MediaLinks;
  readonly playlists: HlsPlaylists;
  readonly recordingsFolder: string;
}

const MediaParams = z.object({ fileId: FileId, name: z.string() });
const LinkQuery = z.object({ exp: z.unknown().optional(), sig: z.unknown().optional() });

/** `/v1/media`, for those with a link. */
export function registerMediaRoutes(server: FastifyInstance, options: MediaRoutesOptions): void {
  const { library, links, playlists, recordingsFolder } = options;
  const app = server.withTypeProvider<ZodTypeProvider>();

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
