import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type IngestOptions, registerSdpEndpoint, roomOf } from './sdp-sessions.ts';
import { sourceOf } from './source-query.ts';

const WatchedParams = z.object({ userId: z.string() });

/**
 * WHEP (draft-ietf-wish-whep) at `POST /whep/{roomId}/{userId}`: watches one participant, its camera and microphone, or
 * with `?source=screen` its screen. Who watches is no participant.
 */
export function registerWhep(app: FastifyInstance, { rooms }: IngestOptions): void {
  registerSdpEndpoint(app, {
    rooms,
    url: '/whep/:roomId/:userId',
    open: (user, request, sdp) =>
      rooms.view(user, roomOf(request), WatchedParams.parse(request.params).userId, sourceOf(request), sdp),
  });
}
